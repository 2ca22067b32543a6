"""What the pages of a catalogue show: the hosts, and a choice of one host's plugins with what it comes to.

Takes a catalogue and what was asked for, and returns frozen values for the templates. A choice that cannot be built
is a value, too: it says why.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from onebin.catalogue import HOST, Order
from onebin.errors import CatalogueError
from onebin.service.web.pages.commands import choice_address, fetch_command, home_commands
from onebin.system import canonical_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from onebin.catalogue import Catalogue, HostOffer, PluginOffer
    from onebin.errors import Finding


@dataclass(frozen=True, kw_only=True)
class PluginView:
    """A plugin of a host: `conflicts` are all that it cannot be with, whichever of the two says it.

    `licence` is an address or, if the catalogue has none, what the package says of itself.

    `is_shown` is false if a search does not find it; `size` is in bytes, or None if nobody knows.
    """

    name: str
    description: str
    licence: str | None
    needs: tuple[str, ...]
    conflicts: tuple[str, ...]
    size: int | None
    is_chosen: bool
    is_shown: bool


@dataclass(frozen=True, kw_only=True)
class VariantView:
    """A named set of plugins, and the address that chooses it."""

    name: str
    plugins: tuple[str, ...]
    address: str
    is_chosen: bool


@dataclass(frozen=True, kw_only=True)
class AddedPlugin:
    """A plugin that nobody chose, and those that need it."""

    name: str
    needed_by: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ChoiceView:
    """A choice of one host: what was asked for, and what it comes to.

    Without a `settled` order it cannot be built, and `findings` say why; the fields after it are empty then. `found` is
    what was searched for among the plugins. `path` is that of the page with this choice, `address` the whole URL.
    `is_local` says that the manifest names folders beside the catalogue.
    """

    host: HostOffer
    asked: Order
    found: str
    licence: str | None
    plugins: tuple[PluginView, ...]
    variants: tuple[VariantView, ...]
    path: str
    address: str
    findings: tuple[Finding, ...] = ()
    settled: Order | None = None
    added: tuple[AddedPlugin, ...] = ()
    manifest: str = ""
    home: str = ""
    fetch: str = ""
    is_local: bool = False

    @property
    def has_versions(self) -> bool:
        """Whether a version of the host can be asked for."""
        return "@" not in self.host.keys.get("package", "@")


def hosts_with(catalogue: Catalogue, text: str) -> list[HostOffer]:
    """Return the hosts for which each word of a text occurs in the names and descriptions of host and plugins."""
    found = []
    for host in catalogue.hosts.values():
        plugins = (f"{each.name} {each.description}" for each in host.plugins)
        if _has(text, host.name, host.description, *plugins):
            found.append(host)
    return found


def choice_view(
    catalogue: Catalogue,
    host: HostOffer,
    asked: Order,
    *,
    address: str,
    sizes: Mapping[str, int | None],
    licences: Mapping[str, str],
    found: str = "",
) -> ChoiceView:
    """Return what a choice comes to; `address` is that of the service.

    `sizes` are those of the plugins in bytes, `licences` what packages say of theirs, by plugins and `HOST`.
    """
    chosen = {each.name for each in map(host.plugin, asked.plugins) if each is not None}
    choice = ChoiceView(
        host=host,
        asked=asked,
        found=found,
        plugins=tuple(_plugin_views(host, chosen, sizes, licences, found)),
        licence=host.licence or licences.get(HOST),
        variants=tuple(_variant_views(host, asked, chosen)),
        path=choice_address(asked),
        address=address + choice_address(asked),
    )
    try:
        settled = catalogue.settled(asked)
        manifest = catalogue.manifest(asked)
    except CatalogueError as error:
        return replace(choice, findings=tuple(error.findings))
    return replace(
        choice,
        settled=settled,
        added=tuple(_added(host.complete(chosen), chosen)),
        manifest=manifest,
        home=home_commands(address, settled),
        fetch=fetch_command(address, settled),
        is_local=any("path" in row for row in (host.keys, *(each.row for each in host.complete(chosen)))),
    )


def _plugin_views(
    host: HostOffer, chosen: set[str], sizes: Mapping[str, int | None], licences: Mapping[str, str], found: str
) -> Iterable[PluginView]:
    conflicts: dict[str, list[str]] = {}
    for first, second in host.conflicts(host.plugins):
        conflicts.setdefault(first, []).append(second)
        conflicts.setdefault(second, []).append(first)
    for each in host.plugins:
        yield PluginView(
            name=each.name,
            description=each.description,
            licence=each.licence or licences.get(each.name),
            needs=each.needs,
            conflicts=tuple(conflicts.get(each.name, ())),
            size=sizes.get(each.name),
            is_chosen=each.name in chosen,
            is_shown=_has(found, each.name, each.description),
        )


def _variant_views(host: HostOffer, asked: Order, chosen: set[str]) -> Iterable[VariantView]:
    for name, plugins in host.variants.items():
        order = Order(
            host=host.name, version=asked.version, plugins=plugins, python=asked.python, platform=asked.platform
        )
        names = {each.name for each in host.complete(plugins)}
        yield VariantView(
            name=name,
            plugins=plugins,
            address=choice_address(order),
            is_chosen={each.name for each in host.complete(chosen)} == names,
        )


def _added(plugins: Iterable[PluginOffer], chosen: set[str]) -> Iterable[AddedPlugin]:
    plugins = tuple(plugins)
    for each in plugins:
        if each.name not in chosen:
            name = canonical_name(each.name)
            by = tuple(other.name for other in plugins if name in map(canonical_name, other.needs))
            yield AddedPlugin(name=each.name, needed_by=by)


def _has(text: str, *places: str) -> bool:
    whole = "\n".join(places).casefold()
    return all(word in whole for word in text.casefold().split())

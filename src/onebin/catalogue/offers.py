"""The hosts and plugins of a catalogue as plain values, once `problems` has found nothing wrong with them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from onebin.platforms import parse_platform
from onebin.system import canonical_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# The keys of a plugin and of a host that a manifest does not have.
OF_PLUGIN = ("description", "licence", "needs", "conflicts")
OF_HOST = (
    "description",
    "licence",
    "version",
    "versions",
    "pythons",
    "platforms",
    "most-plugins",
    "plugins",
    "variants",
    "freeze",
    "extension-points",
)


@dataclass(frozen=True, kw_only=True)
class PluginOffer:
    """A plugin that a host is offered with; `row` is its row in a manifest, `needs` and `conflicts` name others."""

    name: str
    description: str
    licence: str | None = None
    needs: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    row: Mapping[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, kw_only=True)
class HostOffer:
    """A host that can be asked for: its plugins, and the Pythons and platforms by their names, the default first.

    `version` is a specifier (PEP 440); "" allows any version. With `versions`, only those are allowed, newest first.
    `keys`, `freeze` and `extension_points` are tables of its manifest.
    """

    name: str
    description: str
    licence: str | None = None
    version: str = ""
    versions: tuple[str, ...] = ()
    pythons: tuple[str, ...]
    platforms: tuple[str, ...]
    most_plugins: int | None = None
    plugins: tuple[PluginOffer, ...] = ()
    variants: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    keys: Mapping[str, Any] = field(default_factory=dict, hash=False)
    freeze: Mapping[str, Any] = field(default_factory=dict, hash=False)
    extension_points: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def plugin(self, name: str) -> PluginOffer | None:
        """Return the plugin with a name (PEP 503), or None."""
        return self._by_name.get(canonical_name(name))

    @cached_property
    def _by_name(self) -> Mapping[str, PluginOffer]:
        """The plugins by their canonical names: a check asks for each of 500 many thousand times."""
        return {canonical_name(each.name): each for each in reversed(self.plugins)}

    def complete(self, names: Iterable[str]) -> tuple[PluginOffer, ...]:
        """Return plugins of this host and everything that they need, in the order of the catalogue."""
        found: dict[str, PluginOffer] = {}
        left = list(names)
        while left:
            each = self.plugin(left.pop())
            if each is not None and each.name not in found:
                found[each.name] = each
                left.extend(each.needs)
        return tuple(each for each in self.plugins if each.name in found)

    def conflicts(self, plugins: Iterable[PluginOffer]) -> tuple[tuple[str, str], ...]:
        """Return the pairs of some plugins that cannot be together, in the order of the catalogue."""
        names = {each.name for each in plugins}
        order = {each.name: number for number, each in enumerate(self.plugins)}
        pairs = set()
        for each in self.plugins:
            for other in filter(None, map(self.plugin, each.conflicts)):
                if {each.name, other.name} <= names:
                    first, second = sorted((each.name, other.name), key=order.__getitem__)
                    pairs.add((first, second))
        return tuple(sorted(pairs, key=lambda pair: (order[pair[0]], order[pair[1]])))


def host_offer(name: str, keys: Mapping[str, Any], defaults: Mapping[str, Any]) -> HostOffer:
    """Return a host from its table as `tomllib` reads it; `defaults` is the table [catalogue]."""
    from packaging.version import Version  # noqa: PLC0415  # slow to load

    platforms = (parse_platform(each).name for each in keys.get("platforms") or defaults.get("platforms", ()))
    return HostOffer(
        name=name,
        description=keys["description"],
        licence=keys.get("licence"),
        version=_specifier(keys.get("version", "")),
        versions=tuple(map(str, sorted({Version(each) for each in keys.get("versions", ())}, reverse=True))),
        pythons=tuple(dict.fromkeys(keys.get("pythons") or defaults.get("pythons", ()))),
        platforms=tuple(dict.fromkeys(platforms)),
        most_plugins=keys.get("most-plugins"),
        plugins=tuple(_plugin_offer(each, row) for each, row in keys.get("plugins", {}).items()),
        variants={variant: tuple(plugins) for variant, plugins in keys.get("variants", {}).items()},
        keys=host_keys_of(keys),
        freeze=keys.get("freeze", {}),
        extension_points=keys.get("extension-points", {}),
    )


def host_keys_of(keys: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys of a host that are those of [host] in a manifest."""
    return {key: value for key, value in keys.items() if key not in OF_HOST}


def row_of(keys: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys of a plugin that are those of its row in a manifest; any version, if it names no source."""
    row = {key: value for key, value in keys.items() if key not in OF_PLUGIN}
    if not row.keys() & {"version", "path", "git", "package", "extras", "modules"}:
        row["version"] = "*"
    return row


def _plugin_offer(name: str, keys: Mapping[str, Any]) -> PluginOffer:
    return PluginOffer(
        name=name,
        description=keys["description"],
        licence=keys.get("licence"),
        needs=tuple(keys.get("needs", ())),
        conflicts=tuple(keys.get("conflicts", ())),
        row=row_of(keys),
    )


def _specifier(text: str) -> str:
    return "" if text == "*" else "".join(text.split())

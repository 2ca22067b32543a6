"""What has to be tried before a catalogue can be called right: each host with each variant, each plugin, and all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onebin.catalogue.offers import HostOffer, PluginOffer

ALONE, ALL = "alone", "all plugins"


@dataclass(frozen=True, kw_only=True)
class Combination:
    """Plugins of a host that are tried together, by what they are called in tables; `version` is the host's or None."""

    name: str
    plugins: tuple[str, ...]
    version: str | None = None


def combinations_of(host: HostOffer) -> tuple[Combination, ...]:
    """Return what is tried of a host, each set of plugins once.

    Of plugins that conflict, only the first is among all. Versions other than the newest are tried alone and with all.
    """
    newest = next(iter(host.versions), None)
    found: dict[tuple[str, ...], str] = {}
    for name, plugins in _sets(host):
        found.setdefault(plugins, name)
    combinations = [Combination(name=name, plugins=plugins, version=newest) for plugins, name in found.items()]
    ends = dict.fromkeys([(), _together(host)])
    for version in host.versions[1:]:
        combinations += [Combination(name=found[plugins], plugins=plugins, version=version) for plugins in ends]
    return tuple(combinations)


def _sets(host: HostOffer) -> Iterator[tuple[str, tuple[str, ...]]]:
    yield ALONE, ()
    for plugin in host.plugins:
        yield f"with {plugin.name}", _names(host.complete([plugin.name]))
    for variant, plugins in host.variants.items():
        yield f"variant {variant}", _names(host.complete(plugins))
    yield ALL, _together(host)


def _together(host: HostOffer) -> tuple[str, ...]:
    """Return as many plugins as may be together, the first ones first."""
    chosen: tuple[PluginOffer, ...] = ()
    for plugin in host.plugins:
        more = host.complete([*_names(chosen), plugin.name])
        fits = host.most_plugins is None or len(more) <= host.most_plugins
        if fits and not host.conflicts(more):
            chosen = more
    return _names(chosen)


def _names(plugins: tuple[PluginOffer, ...]) -> tuple[str, ...]:
    return tuple(each.name for each in plugins)

"""What each plugin contributes, must fit and costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from onebin.report.sections import PluginCost

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence, Set as AbstractSet

    from onebin.card import PluginFacts, Report
    from onebin.manifest import Manifest
    from onebin.report.sections import Owner


def plugins_of(
    report: Report, owners: Iterable[Owner], manifest: Manifest | None, times: Mapping[str, int]
) -> tuple[PluginCost, ...]:
    """Return each plugin with its cost; `times` has the import times by plugin, in microseconds."""
    sizes = {owner.name: (owner.bytes, owner.in_file) for owner in owners}
    isolated = {row.name for row in manifest.plugins if row.isolate} if manifest else set()
    graph = {_name(each["name"]): [_name(name) for name in each["requires"]] for each in report["distributions"]}
    found = []
    for plugin in report["plugins"]:
        own = sizes.get(_name(plugin["distribution"]), (0, 0))
        saved = [sizes.get(name, (0, 0)) for name in only_for(plugin, report, graph)]
        found.append(
            PluginCost(
                name=plugin["name"],
                distribution=plugin["distribution"],
                version=plugin["version"],
                modules=tuple(plugin["modules"]),
                extends=_extends(plugin),
                contracts=_contracts(plugin, manifest),
                is_isolated=plugin["name"] in isolated,
                bytes=own[0],
                in_file=own[1],
                saves=sum(size for size, _ in saved),
                saves_in_file=sum(size for _, size in saved),
                import_us=times.get(plugin["name"]),
            )
        )
    return tuple(found)


def only_for(plugin: PluginFacts, report: Report, graph: Mapping[str, Sequence[str]]) -> frozenset[str]:
    """Return the distributions that are in the bundle because of a plugin alone."""
    others = {_name(each["distribution"]) for each in report["plugins"] if each["name"] != plugin["name"]}
    without = _reached({_name(report["host"]["name"]), *others}, graph)
    return frozenset(_reached({_name(plugin["distribution"])}, graph) - without)


def _reached(roots: AbstractSet[str], graph: Mapping[str, Sequence[str]]) -> set[str]:
    """Return what some distributions require, directly or not, and they themselves."""
    reached, waiting = set[str](), [*roots]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += graph.get(name, ())
    return reached


def _extends(plugin: PluginFacts) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for group, name, _ in plugin["entry_points"]:
        found[group] = (*found.get(group, ()), name)
    return found


def _contracts(plugin: PluginFacts, manifest: Manifest | None) -> dict[str, str]:
    points = manifest.extension_points if manifest else {}
    wanted = {group: points[group].contract for group in _extends(plugin) if group in points}
    return {group: contract for group, contract in wanted.items() if contract}


def _name(name: str) -> str:
    return str(canonicalize_name(name))

"""What each plugin contributes, must fit and costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from onebin.measure import share_sizes
from onebin.report.sections import PluginCost

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from onebin.card import Inspected, PluginFacts
    from onebin.manifest import Manifest
    from onebin.report.sections import Owner


def plugins_of(
    inspected: Inspected, owners: Iterable[Owner], manifest: Manifest | None, times: Mapping[str, int]
) -> tuple[PluginCost, ...]:
    """Return each plugin with its cost; `times` has the import times by plugin, in microseconds."""
    facts = inspected.facts
    sizes = {owner.name: (owner.bytes, owner.in_file) for owner in owners}
    shares = {row.owner: row.size for row in share_sizes(facts, inspected.size) if row.kind == "plugin"}
    isolated = {row.name for row in manifest.plugins if row.isolate} if manifest else set()
    return tuple(
        PluginCost(
            name=plugin["name"],
            distribution=plugin["distribution"],
            version=plugin["version"],
            modules=tuple(plugin["modules"]),
            extends=_extends(plugin),
            contracts=_contracts(plugin, manifest),
            is_isolated=plugin["name"] in isolated,
            bytes=sizes.get(canonicalize_name(plugin["distribution"]), (0, 0))[0],
            in_file=sizes.get(canonicalize_name(plugin["distribution"]), (0, 0))[1],
            share=shares.get(plugin["name"], 0),
            import_us=times.get(plugin["name"]),
        )
        for plugin in facts["plugins"]
    )


def _extends(plugin: PluginFacts) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for group, name, _ in plugin["entry_points"]:
        found[group] = (*found.get(group, ()), name)
    return found


def _contracts(plugin: PluginFacts, manifest: Manifest | None) -> dict[str, str]:
    points = manifest.extension_points if manifest else {}
    wanted = {group: points[group].contract for group in _extends(plugin) if group in points}
    return {group: contract for group, contract in wanted.items() if contract}

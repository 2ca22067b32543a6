"""Which plugins run in a process of their own, and what of them the host is given there.

Enter: the manifest, its planned plugins and the survey. Leave: what the registry declares. Refuses: an isolated plugin
with entry points that no contract describes, or whose code others in the host's process import.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from onebin.errors import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from onebin.agreement import Held
    from onebin.contract import Plan
    from onebin.contribution import PlannedPlugin
    from onebin.distribution import Distribution
    from onebin.manifest import Manifest, PluginRow
    from onebin.survey import Survey

DEFAULT_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class IsolatedPlugin:
    """An isolated plugin as the registry declares it; `timeout` is how many seconds one call may take.

    `roots` are its modules that no other of its modules contains, `symbols` (value, contract, provides) rows.
    """

    title: str
    roots: tuple[str, ...]
    symbols: tuple[tuple[str, str, str], ...]
    timeout: float


def isolated(plan: Plan) -> Iterator[IsolatedPlugin]:
    """Yield the isolated plugins of a plan, in their order."""
    rows = isolated_rows(plan.manifest)
    for plugin in plan.plugins:
        if plugin.name in rows:
            distribution = plan.survey.distributions[plugin.distribution]
            timeout = rows[plugin.name].timeout
            yield IsolatedPlugin(
                title=f"{plugin.name} ({distribution.title} {plugin.version})",
                roots=_roots(distribution),
                symbols=tuple(dict.fromkeys(_symbols(plugin, plan.contracts))),
                timeout=DEFAULT_SECONDS if timeout is None else float(timeout),
            )


def unfit(manifest: Manifest, plugins: Sequence[PlannedPlugin], surveyed: Survey, where: str) -> Iterator[Finding]:
    """Yield why plugins cannot be isolated that are to be."""
    rows = isolated_rows(manifest)
    for plugin in plugins:
        if plugin.name not in rows:
            continue
        key = f"{where}: plugins.{plugin.name}.isolate"
        groups = list(dict.fromkeys(point.group for point in plugin.entry_points))
        if not groups:
            message = "a plugin without entry points cannot be isolated: nothing says what the host may use of it"
            yield Finding(key, message, "remove `isolate`")
        for group in groups:
            point = manifest.extension_points.get(group)
            if point is None or point.contract is None:
                message = f"{plugin.name} extends {group}, which has no contract that says what the host may call"
                yield Finding(key, message, f'add it: [extension-points."{group}"] contract = "module:Name"')
        yield from _imported_by_others(plugin, surveyed, key)


def isolated_rows(manifest: Manifest) -> Mapping[str, PluginRow]:
    """Return the rows of the plugins that run in processes of their own, by their names."""
    return {row.name: row for row in manifest.plugins if row.isolate}


def _imported_by_others(plugin: PlannedPlugin, surveyed: Survey, key: str) -> Iterator[Finding]:
    """Report who imports an isolated plugin's modules outright, and would not find them in the host's process."""
    own = surveyed.distributions[plugin.distribution]
    if own.name == surveyed.host.name:
        yield Finding(key, "the host itself cannot be isolated from itself", "remove `isolate`")
        return
    for other in surveyed.distributions.values():
        names = [name for name in _roots(own) if other.name != own.name and other.imports(name)]
        if names:
            message = f"{other.title} imports {names[0]}, which would not be in its process"
            yield Finding(key, message, "remove `isolate`, or the import")


def _roots(distribution: Distribution) -> tuple[str, ...]:
    return tuple(
        name
        for name in distribution.modules
        if not any(name[:place] in distribution.modules for place, letter in enumerate(name) if letter == ".")
    )


def _symbols(plugin: PlannedPlugin, contracts: Mapping[str, Held]) -> Iterator[tuple[str, str, str]]:
    for point in plugin.entry_points:
        held = contracts[point.group]
        yield ":".join(filter(None, (point.module, point.attribute))), held.value, held.provides

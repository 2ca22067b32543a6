"""What the registry declares about plugins that run in their own process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from onebin.check import isolated_rows
from onebin.survey import roots

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from onebin.check import ContractSpec, Plan, PlannedPlugin

DEFAULT_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class IsolatedPlugin:
    """An isolated plugin as the registry declares it; `timeout` limits one call, in seconds.

    `roots` are those of its modules that are not inside another of its modules; `symbols` are rows of value, contract
    and `provides`.
    """

    title: str
    roots: tuple[str, ...]
    symbols: tuple[tuple[str, str, str], ...]
    timeout: float


def isolated(plan: Plan) -> Iterator[IsolatedPlugin]:
    """Yield the isolated plugins of a plan, in order."""
    rows = isolated_rows(plan.manifest)
    for plugin in plan.plugins:
        if plugin.name in rows:
            distribution = plan.survey.distributions[plugin.distribution]
            timeout = rows[plugin.name].timeout
            yield IsolatedPlugin(
                title=f"{plugin.name} ({distribution.title} {plugin.version})",
                roots=roots(distribution),
                symbols=symbols_of(plugin, plan.contracts),
                timeout=DEFAULT_SECONDS if timeout is None else float(timeout),
            )


def symbols_of(plugin: PlannedPlugin, contracts: Mapping[str, ContractSpec]) -> tuple[tuple[str, str, str], ...]:
    """Return the symbols of a plugin as in `IsolatedPlugin`; none if an extension point of it has no contract."""
    if any(point.group not in contracts for point in plugin.entry_points):
        return ()
    return tuple(dict.fromkeys(_symbols(plugin, contracts)))


def _symbols(plugin: PlannedPlugin, contracts: Mapping[str, ContractSpec]) -> Iterator[tuple[str, str, str]]:
    for point in plugin.entry_points:
        held = contracts[point.group]
        yield ":".join(filter(None, (point.module, point.attribute))), held.value, held.provides

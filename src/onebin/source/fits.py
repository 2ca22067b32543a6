"""What the registry states for a type checker: each symbol of a plugin in the place that its contract gives it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from onebin.survey import importable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onebin.check import Plan


@dataclass(frozen=True, kw_only=True)
class Fit:
    """One symbol of a plugin and the contract that it is to fit, as the registry states it for a type checker.

    `contract` and `symbol` are expressions below the modules `contract_module` and `module`.
    """

    plugin: str
    group: str
    name: str
    value: str
    module: str
    symbol: str
    contract_module: str
    contract: str
    is_factory: bool
    members: tuple[str, ...]

    @property
    def is_checkable(self) -> bool:
        """Whether all its names can stand in a source."""
        return all(map(importable, (self.module, self.symbol, self.contract_module, self.contract, *self.members)))


def fits_of(plan: Plan) -> Iterator[Fit]:
    """Yield what plugins have in groups with a contract, in the plugins' order."""
    for plugin in plan.plugins:
        for point in plugin.entry_points:
            if point.group in plan.contracts:
                held = plan.contracts[point.group]
                contract_module, _, contract = held.value.partition(":")
                yield Fit(
                    plugin=plugin.name,
                    group=point.group,
                    name=point.name,
                    value=point.value,
                    module=point.module,
                    symbol=f"module.{point.attribute}" if point.attribute else "module",
                    contract_module=contract_module,
                    contract=contract,
                    is_factory=held.provides == "factory",
                    members=held.members,
                )

"""What the registry declares for a type checker: each symbol of a plugin, assigned to the type in its contract."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from onebin.survey import importable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onebin.check import Plan


@dataclass(frozen=True, kw_only=True)
class Fit:
    """One symbol of a plugin and the contract that it must fit, as the registry declares it for a type checker.

    `contract` and `symbol` are expressions relative to the modules `contract_module` and `module`.
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
        """Whether all of its names can be written in Python source."""
        return all(map(importable, (self.module, self.symbol, self.contract_module, self.contract, *self.members)))


def fits_of(plan: Plan) -> Iterator[Fit]:
    """Yield the symbols of plugins in groups with a contract, in the plugins' order."""
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

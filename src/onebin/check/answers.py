"""The types of the questions about contracts that the stage is asked, and of its answers.

`onebin.check.conformance` answers them.
"""

from __future__ import annotations

from pydantic import ConfigDict, TypeAdapter, with_config
from typing_extensions import TypedDict  # pydantic cannot read the standard library's before Python 3.12


class ContractQuestion(TypedDict):
    """A contract ("module:Name") and what the symbols of its group are; None means what its kind implies."""

    group: str
    value: str
    provides: str | None


class SymbolQuestion(TypedDict):
    """A plugin's entry point that must fit the contract of its group."""

    plugin: str
    group: str
    name: str
    value: str


class ConformanceQuestions(TypedDict):
    """What the stage is asked about contracts; `skip` maps steps to the reasons for leaving them out."""

    contracts: list[ContractQuestion]
    symbols: list[SymbolQuestion]
    skip: dict[str, str]


class ContractAnswer(TypedDict):
    """What the symbols of a group must be and the members they must have, or why the contract cannot be used."""

    group: str
    provides: str | None
    members: list[str]
    error: str | None


class ViolationAnswer(TypedDict):
    """One thing that does not fit; `member` is "" for the symbol itself, `where` is "file:line" if that is known."""

    member: str
    expected: str
    found: str
    reasons: list[str]
    where: str | None


class SymbolAnswer(TypedDict):
    """Where a symbol is defined, and what does not fit, or why it could not be checked."""

    plugin: str
    group: str
    name: str
    where: str | None
    error: str | None
    violations: list[ViolationAnswer]


@with_config(ConfigDict(strict=True, extra="ignore"))
class Conformance(TypedDict):
    """What the stage answered about contracts."""

    contracts: list[ContractAnswer]
    symbols: list[SymbolAnswer]


_CONFORMANCE: TypeAdapter[Conformance] = TypeAdapter(Conformance)


def read_conformance(text: str) -> Conformance:
    """Return what the stage answered about contracts, from its JSON; raises ValueError for anything else."""
    return _CONFORMANCE.validate_json(text)

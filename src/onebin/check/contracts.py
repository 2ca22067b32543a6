"""Ask the stage whether plugins fit their contracts, and describe what does not fit.

Takes the manifest, its planned plugins and the survey; returns a ContractReport with a finding for each violation.
`onebin.check.conformance` answers the questions in the stage.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name
from packaging.version import Version

from onebin import probe
from onebin.check import conformance
from onebin.check.answers import read_conformance
from onebin.check.contribution import unknown_module
from onebin.errors import Finding
from onebin.manifest import keyed
from onebin.survey import shown_place
from onebin.system import display

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from onebin.card import Answers
    from onebin.check.answers import Conformance, ContractQuestion, SymbolAnswer, SymbolQuestion, ViolationAnswer
    from onebin.check.contribution import PlannedPlugin
    from onebin.manifest import Manifest
    from onebin.survey import Survey


@dataclass(frozen=True, kw_only=True)
class ContractSpec:
    """A contract that the symbols of a group must fit: "module:Name", what the symbols are, and its members."""

    value: str
    provides: str
    members: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ContractReport:
    """The result for all contracts: findings, notices, and the contracts by group."""

    findings: tuple[Finding, ...] = ()
    notices: tuple[str, ...] = ()
    contracts: Mapping[str, ContractSpec] = field(default_factory=dict)


def check_contracts(
    manifest: Manifest, plugins: Sequence[PlannedPlugin], surveyed: Survey, answers: Answers
) -> ContractReport:
    """Return what does not fit. Symbols that did not load are left out: `failures` reports them.

    Raises StageError if the stage does not answer.
    """
    contracts = {group: str(point.contract) for group, point in manifest.extension_points.items() if point.contract}
    if not contracts or surveyed.stage.runner is None:
        return ContractReport()
    where = display(manifest.file)
    unknown = dict(_unknown(contracts, surveyed, where))
    known: list[ContractQuestion] = [
        {"group": group, "value": value, "provides": manifest.extension_points[group].provides}
        for group, value in contracts.items()
        if group not in unknown
    ]
    symbols = list(_symbols(plugins, contracts, answers))
    said = _ask(known, symbols, surveyed) if known else {"contracts": [], "symbols": []}
    values = {(each["plugin"], each["group"], each["name"]): each["value"] for each in symbols}
    return ContractReport(
        findings=(
            *unknown.values(),
            *_bad_contracts(said, contracts, where),
            *(
                finding
                for each in said["symbols"]
                for finding in _violations(each, values, contracts, surveyed, keyed(where, "plugins", each["plugin"]))
            ),
        ),
        notices=tuple(_undeclared(plugins, contracts, surveyed)),
        contracts={
            each["group"]: ContractSpec(
                value=contracts[each["group"]], provides=each["provides"], members=tuple(each["members"])
            )
            for each in said["contracts"]
            if each["provides"]
        },
    )


def _ask(contracts: list[ContractQuestion], symbols: list[SymbolQuestion], surveyed: Survey) -> Conformance:
    script = Path(conformance.__file__).with_name("__main__.py")
    questions = {"contracts": contracts, "symbols": symbols}
    return probe.retry_skipping(
        lambda skip: probe.ask_script(surveyed.stage, script, {**questions, "skip": skip}, read_conformance)
    )[1]


def _unknown(contracts: Mapping[str, str], surveyed: Survey, where: str) -> Iterator[tuple[str, Finding]]:
    """Yield the groups whose contract is in a module that does not exist."""
    for group, value in contracts.items():
        module = value.partition(":")[0]
        if not surveyed.has_module(module) and not surveyed.interpreter.has_module(module):
            yield group, unknown_module(_key(where, group), module, surveyed)


def _key(where: str, group: str) -> str:
    return keyed(where, "extension-points", group, "contract")


def _symbols(
    plugins: Sequence[PlannedPlugin], contracts: Mapping[str, str], answers: Answers
) -> Iterator[SymbolQuestion]:
    """Yield the plugins' entry points that load and whose group has a contract."""
    failed = {
        (load.get("distribution"), load.get("group"), load["name"]) for load in answers["loads"] if "error" in load
    }
    for plugin in plugins:
        for point in plugin.entry_points:
            if point.group in contracts and (plugin.distribution, point.group, point.name) not in failed:
                yield {"plugin": plugin.name, "group": point.group, "name": point.name, "value": point.value}


def _bad_contracts(said: Conformance, contracts: Mapping[str, str], where: str) -> Iterator[Finding]:
    for each in said["contracts"]:
        if each["error"]:
            message = f"{contracts[each['group']]} is not a contract: {each['error']}"
            yield Finding(_key(where, each["group"]), message, "name a Protocol, an ABC, a class or a callable type")


def _violations(
    said: SymbolAnswer,
    values: Mapping[tuple[str, str, str], str],
    contracts: Mapping[str, str],
    surveyed: Survey,
    where: str,
) -> Iterator[Finding]:
    """Yield a finding for each violation of one symbol; the last one has the hint for all of them."""
    value = values[said["plugin"], said["group"], said["name"]]
    subject = f"{said['name']} = {value} [{said['group']}]"
    if said["error"]:
        message = f"{subject} cannot be checked against {contracts[said['group']]}: {said['error']}"
        yield Finding(where, message, "fix the error there, or remove the plugin")
    hint = f"make it fit {contracts[said['group']]}, or lock a version of the plugin that does"
    for number, each in enumerate(said["violations"], 1):
        place = f" ({shown_place(each['where'], surveyed)})" if each["where"] else ""
        message = f"{subject}: {_in_words(each)}{place}"
        yield Finding(where, message, hint if number == len(said["violations"]) else None)


def _in_words(violation: ViolationAnswer) -> str:
    reasons = "; ".join(violation["reasons"])
    return f"expected {violation['expected']}, found {violation['found']}{f': {reasons}' if reasons else ''}"


def _undeclared(plugins: Sequence[PlannedPlugin], contracts: Mapping[str, str], surveyed: Survey) -> Iterator[str]:
    """Yield a notice for each plugin that does not require the distribution that defines its contract."""
    for plugin in plugins:
        holders = {
            holder.name: holder
            for group in dict.fromkeys(point.group for point in plugin.entry_points if point.group in contracts)
            if (holder := surveyed.of_module(contracts[group].partition(":")[0])) is not None
        }
        declared = {canonicalize_name(each.name) for each in surveyed.distributions[plugin.distribution].requires}
        for name, holder in holders.items():
            if name not in declared | {plugin.distribution}:
                line = f'"{holder.title}{compatible(holder.version)}"'
                yield (
                    f"plugin {plugin.name} does not require {holder.title}, which defines its contract: "
                    f"add {line} to the dependencies in its pyproject.toml"
                )


def compatible(version: str) -> str:
    """Return the range of compatible versions (semantic versioning), such as ">=2.1,<3" or ">=0.3,<0.4"."""
    held = Version(version)
    major, minor = (*held.release, 0)[:2]
    first = held.public if held.is_prerelease else f"{major}.{minor}"
    return f">={first},<{major + 1}" if major else f">={first},<0.{minor + 1}"

"""Say of orders that failed at which stage and key, and why: the host, a plugin, or only the combination."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from onebin.manifest import key_path, line_of
from onebin.system import display

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from onebin.catalogue.catalogue import Catalogue
    from onebin.catalogue.results import CheckedOrder
    from onebin.pipeline import ErrorFacts

HOST, COMBINATION = "the host", "the combination"
_STAGES = {
    "ManifestError": "manifest",
    "LockError": "lock",
    "InterpreterError": "lock",
    "VendorError": "lock",
    "StageError": "stage",
    "PlanError": "check",
    "ContractError": "check",
    "TargetError": "check",
    "FreezeError": "freeze",
    "PackError": "pack",
    "VerifyError": "verify",
    "BudgetError": "measure",
    "StoreError": "store",
}


def stage_of(error: ErrorFacts) -> str:
    """Return the stage at which an order failed."""
    return _STAGES.get(error["class"], "build")


def placed(error: ErrorFacts, manifest: Path, host: str, catalogue: Catalogue) -> ErrorFacts:
    """Return an error in a host's manifest with its findings at the keys of the catalogue that the text came from."""
    own, file = display(manifest), display(catalogue.file)
    findings = []
    for each in error["findings"]:
        key = each["key"]
        if each["file"] == own and key is not None:
            table, _, rest = key.partition(".")
            inside = {"host": rest, "bundle": ""}.get(table, key)
            key = ".".join(filter(None, [key_path(("hosts", host)), inside]))
            line = line_of(key, catalogue.text)
            where = f"{file}: {key}" if line is None else f"{file}:{line}: {key}"
            each = {**each, "where": where, "file": file, "line": line, "key": key}  # noqa: PLW2901  # the same finding elsewhere
        findings.append(each)
    return {**error, "message": error["message"].replace(own, file), "findings": findings}


def blamed(orders: Sequence[CheckedOrder]) -> tuple[CheckedOrder, ...]:
    """Return orders with what causes each failure, by what failed with fewer plugins for the same Python and so on."""
    failed = {_about(each, each.plugins) for each in orders if each.status == "failed"}
    tried = {_about(each, each.plugins) for each in orders if each.status != "cancelled"}

    def cause(each: CheckedOrder) -> str:
        if not each.plugins or _about(each, ()) in failed:
            return HOST
        if len(each.plugins) == 1:
            return each.plugins[0]
        alone = [name for name in each.plugins if _about(each, (name,)) in failed]
        known = [name for name in each.plugins if _about(each, (name,)) in tried]
        if alone or not known:
            return ", ".join(alone or each.plugins)
        return COMBINATION

    return tuple(replace(each, cause=cause(each)) if each.status == "failed" else each for each in orders)


def _about(each: CheckedOrder, plugins: tuple[str, ...]) -> tuple[str, str | None, str, str, tuple[str, ...]]:
    return each.host, each.version, each.python, each.platform, plugins

"""What working with the bundle of an artifact needs on this machine: its local sources, and its interpreter.

`doing` completes the sentence "cannot ...".
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from onebin.errors import Finding, InterpreterError, VerifyError
from onebin.lock import staleness
from onebin.python import find
from onebin.rebuild.recovery import lock_data
from onebin.system import display, is_there

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from onebin.card import Facts
    from onebin.manifest import Manifest
    from onebin.python import Interpreter
    from onebin.rebuild.recovery import LocalPath


def check_sources(local: Iterable[LocalPath], sources: Path, doing: str) -> None:
    """Raise VerifyError for local paths that do not exist below the folder in which they start."""
    findings = [
        Finding(each.what, f"{display(sources / each.path)} does not exist")
        for each in local
        if not is_there(sources / each.path)
    ]
    if findings:
        hint = "give the folder of its manifest with --sources: local sources are not in the file"
        findings[-1] = replace(findings[-1], hint=hint)
        raise VerifyError(f"cannot {doing}: local sources are missing", findings)


def interpreter_for(manifest: Manifest, facts: Facts) -> Interpreter:
    """Return the interpreter with the version on the card, else the one of the manifest; raises InterpreterError.

    It must have the feature version and the platform of the card, or it would not match the lock.
    """
    wanted, version = manifest.bundle.python, facts["interpreter"]["version"]
    found = None
    for candidate in (wanted, version):
        try:
            found = find(candidate, manifest.directory)
        except InterpreterError:
            continue
        if found.version == version:
            break
    minor = version.rpartition(".")[0]
    if found is None or (found.minor, found.platform) != (minor, facts["interpreter"]["platform"]):
        raise InterpreterError(
            f"the file was built with CPython {version} for {facts['interpreter']['platform']}, which was not found",
            f"install it (uv python install {version}), on a machine of that platform",
        )
    return found


def check_lock(manifest: Manifest, facts: Facts, python: Interpreter, doing: str) -> None:
    """Raise VerifyError if the lock on a card does not match the manifest with the local sources of this machine."""
    reasons = staleness(lock_data(facts), manifest, python)
    if reasons:
        where = display(manifest.directory)
        raise VerifyError(
            f"cannot {doing}: its lock does not match the local sources",
            [
                *(Finding(where, reason) for reason in reasons[:-1]),
                Finding(where, reasons[-1], "get the original sources, or give their folder with --sources"),
            ],
        )

"""Suites of checks that a host runs in three modes: installed, under `onebin run`, and as an artifact."""

from __future__ import annotations

import ast
import json
import shutil
from typing import TYPE_CHECKING, Any

from filelock import FileLock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .processes import Result

MODES = ("installed", "run", "artifact")
_OUTCOMES = "suite.json"


def checks_in(suite: Path) -> list[str]:
    """Return the names of a suite's checks: its functions whose names begin with `check_`."""
    functions = [node for node in ast.parse(suite.read_text("utf-8")).body if isinstance(node, ast.FunctionDef)]
    return [function.name for function in functions if function.name.startswith("check_")]


def make_once(folder: Path, make: Callable[[], None], run: Callable[[str], Result]) -> None:
    """Fill a folder unless another worker of the session has, and save the outcome of each check in each mode.

    `run` runs the suite in one mode and prints JSON.
    """
    with FileLock(folder.with_name(f"{folder.name}.lock"), timeout=600):
        if (folder / _OUTCOMES).exists():
            return
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        make()
        outcomes = {}
        for mode in MODES:
            done = run(mode)
            assert done.code == 0, done.err
            outcomes[mode] = json.loads(done.out)
        (folder / _OUTCOMES).write_text(json.dumps(outcomes), "utf-8")


def outcomes_in(folder: Path) -> dict[str, Any]:
    """Return the outcome of each check in each mode."""
    found: dict[str, Any] = json.loads((folder / _OUTCOMES).read_text("utf-8"))
    return found

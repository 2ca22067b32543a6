"""Ask the stage and the artifact the same questions, in processes of their own.

The asking itself is `onebin_runtime._probe`, which is frozen into every artifact and runs as a script in the stage.
Both run with an empty environment in an empty directory.
"""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onebin.process import run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from onebin.stage import Stage

TIMEOUT_SECONDS = 300.0

# Without these, Windows cannot start a program, nor find its temporary directory.
_NEEDED = ("SYSTEMROOT", "TEMP", "TMP", "TMPDIR")


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What a process said; `failure` is the end of its standard error when it said nothing that can be read."""

    data: Mapping[str, Any]
    failure: str | None = None


def ask_stage(stage: Stage, questions: Mapping[str, Any]) -> Answers:
    """Ask the unfrozen host's environment."""
    with as_file(files("onebin_runtime") / "_probe.py") as script:
        return _ask([stage.python, "-I", script], questions)


def ask_artifact(file: Path, questions: Mapping[str, Any]) -> Answers:
    """Ask an artifact by its self-test switch."""
    return _ask([file], questions, ONEBIN_SELF_TEST="1")


def _ask(argv: Sequence[str | Path], questions: Mapping[str, Any], **extra: str) -> Answers:
    env = {name: os.environ[name] for name in _NEEDED if name in os.environ} | extra
    with tempfile.TemporaryDirectory(prefix="onebin-probe-") as empty:
        completed = run(argv, env=env, cwd=Path(empty), stdin=json.dumps(questions), timeout=TIMEOUT_SECONDS)
    try:
        data = json.loads(completed.stdout)
    except ValueError:
        tail = "\n".join(completed.stderr.strip().splitlines()[-5:])
        return Answers(data={}, failure=f"exit code {completed.code}{': ' + tail if tail else ''}")
    return Answers(data=data)

"""Ask the stage and the artifact the same questions, each in a process of its own.

`onebin_runtime._probe` answers them; it is frozen into every artifact, and runs as a script in the stage. Both run with
an empty environment in an empty directory.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, TypeVar

from onebin.card import read_answers
from onebin.errors import ProcessError, StageError
from onebin.platforms import Runner, first_use
from onebin.system import bare_environment, run, runtime_dir, scratch, tell

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from onebin.card import Answers, Questions
    from onebin.stage import Stage

T = TypeVar("T")

TIMEOUT_SECONDS = 300.0
# With these variables, a program does not look for side-cars: what is around its file must not change an answer.
WITHOUT_SIDE_CARS = {"ONEBIN_SIDE_CARS": "off"}
_SHOWN_LINES = 5


_TEMPORARY = ("TEMP", "TMP") if sys.platform == "win32" else ("TMPDIR",)


class ProbeError(Exception):
    """A process did not answer; the text says how it ended and what it printed last, `step` what it was doing."""

    def __init__(self, text: str, *, hint: str | None = None, step: str | None = None) -> None:
        super().__init__(text)
        self.hint = hint
        self.step = step


def ask_stage(stage: Stage, questions: Questions) -> Answers:
    """Ask the unfrozen host's environment, which must be able to run here; raises ProbeError."""
    return ask_script(stage, runtime_dir() / "_probe.py", questions, read_answers)


def ask_script(stage: Stage, script: Path, questions: Mapping[str, object], read: Callable[[str], T]) -> T:
    """Ask a script in the unfrozen host's environment, as `ask` does; raises ProbeError."""
    runner = stage.runner or Runner.native()
    argv: list[str | Path] = [*runner.command, stage.host_python, "-I", script]
    return ask(argv, questions, read, **stage.host_variables)


def ask_artifact(file: Path, questions: Questions, runner: Runner, **variables: str) -> Answers:
    """Ask an artifact through its self-test switch, with more variables in its environment; raises ProbeError."""
    argv: list[str | Path] = [*runner.command, file]
    return ask(argv, questions, read_answers, **runner.variables, ONEBIN_SELF_TEST="1", **variables)


def retry_skipping(asking: Callable[[dict[str, str]], T]) -> tuple[dict[str, str], T]:
    """Ask the stage until it answers; return the steps that were skipped and the answers. Raises StageError.

    `asking` is called with the steps that ended the process before, each with the reason, and must skip them.
    """
    skip: dict[str, str] = {}
    while True:
        try:
            return skip, asking(skip)
        except ProbeError as error:
            if error.step is None or error.step in skip:
                hint = "run `onebin run` to start the host there, or `onebin cache clean stages` and build again"
                raise StageError(f"the stage does not answer: {error}", error.hint or hint) from error
            skip[error.step] = f"it ends the process, {error}"


def ask(argv: Sequence[str | Path], questions: Mapping[str, object], read: Callable[[str], T], **extra: str) -> T:
    """Ask a process that answers in the same way as `onebin_runtime._probe`; raises ProbeError.

    `read` reads the answers from their JSON, or raises ValueError.
    """
    with scratch() as directory:
        empty, temporary = directory / "empty", directory / "temporary"
        empty.mkdir()
        temporary.mkdir()
        env = {**bare_environment(**extra), **dict.fromkeys(_TEMPORARY, str(temporary))}
        if (first := first_use(extra)) is not None:
            tell(first)
        try:
            completed = run(argv, env=env, cwd=empty, stdin=json.dumps(questions), timeout=TIMEOUT_SECONDS)
        except ProcessError as error:
            raise ProbeError(error.tail, hint=error.hint) from error
        if first is not None:
            tell("")
    lines = completed.stdout.splitlines()
    answers = next((line[1:] for line in lines if line.startswith("=")), "")
    try:
        return read(answers)
    except ValueError as error:
        own = ("?", "=")  # lines of the probe itself
        said = "\n".join(line for line in lines if not line.startswith(own))
        printed = (completed.stderr.strip() or said.strip()).splitlines()
        tail = "\n".join(printed[-_SHOWN_LINES:])
        raise ProbeError(
            f"exit code {completed.code}{': ' + tail if tail else ''}", step=None if answers else _last_step(lines)
        ) from error


def _last_step(lines: Sequence[str]) -> str | None:
    """Return the last step that a process began."""
    steps = [line[1:] for line in lines if line.startswith("?")]
    try:
        return str(json.loads(steps[-1])) if steps else None
    except ValueError:
        return None

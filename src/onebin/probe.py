"""Ask the stage and the artifact the same questions, in processes of their own.

The asking itself is `onebin_runtime._probe`, which is frozen into every artifact and runs as a script in the stage.
Both run with an empty environment in an empty directory.
"""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING, TypeVar

from onebin.errors import ProcessError, StageError
from onebin.facts import read_answers
from onebin.process import bare_environment, run
from onebin.scratch import scratch
from onebin.shipped import runtime_dir

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from onebin.contribution import PlannedPlugin
    from onebin.distribution import Distribution
    from onebin.facts import Answers, Facts, Questions
    from onebin.stage import Stage
    from onebin.survey import Survey

T = TypeVar("T")

TIMEOUT_SECONDS = 300.0
_SHOWN_LINES = 5

# PyInstaller may strip or sign them: that they load is asked by importing what needs them.
_SHARED_LIBRARY = re.compile(r"\.so(?:\.[0-9.]+)?$|\.dylib$|\.dll$", re.IGNORECASE)

_TEMPORARY = ("TEMP", "TMP") if sys.platform == "win32" else ("TMPDIR",)


class MuteError(Exception):
    """A process did not answer; the text says how it ended and what it printed last, `step` what it did then."""

    def __init__(self, text: str, *, hint: str | None = None, step: str | None = None) -> None:
        super().__init__(text)
        self.hint = hint
        self.step = step


def questions(entry: tuple[str, str], plugins: Sequence[PlannedPlugin], survey: Survey, *, full: bool) -> Questions:
    """Return what a process is to be asked; in full, also about each module and data file of host and plugins."""
    names = list(dict.fromkeys([survey.host.name, *(plugin.distribution for plugin in plugins)]))
    asked = [survey.distributions[name] for name in names] if full else []
    return {
        "host": ":".join(entry),
        "distributions": names,
        "plugins": [
            {"name": plugin.name, "distribution": plugin.distribution, "modules": list(plugin.modules)}
            for plugin in plugins
        ],
        # A __main__ module does its work when it is imported.
        "modules": [name for each in asked for name in each.modules if not name.endswith("__main__")],
        "data": [
            (each.name, file, *_package_of(file, each))
            for each in asked
            for file in (*each.data, *each.for_tools, *each.shared)
            if not _SHARED_LIBRARY.search(file)
        ],
        "skip": {},
    }


def quick(facts: Facts) -> Facts:
    """Return an artifact's facts without the questions about each module and data file, and without their answers."""
    asked: Questions = {**facts["questions"], "modules": [], "data": []}
    said: Answers = {**facts["answers"], "modules": [], "data": []}
    return {**facts, "questions": asked, "answers": said}


def _package_of(file: str, distribution: Distribution) -> tuple[str, str]:
    """Return the package that a data file lies in and the file's path below it; both empty if there is none."""
    folders = file.split("/")[:-1]
    for length in range(len(folders), 0, -1):
        package = ".".join(folders[:length])
        if package in distribution.modules:
            return package, file.removeprefix("/".join(folders[:length]) + "/")
    return "", ""


def ask_stage(stage: Stage, questions: Questions) -> Answers:
    """Ask the unfrozen host's environment; raises MuteError."""
    return ask([stage.python, "-I", runtime_dir() / "_probe.py"], questions, read_answers)


def ask_artifact(file: Path, questions: Questions) -> Answers:
    """Ask an artifact by its self-test switch; raises MuteError."""
    return ask([file], questions, read_answers, ONEBIN_SELF_TEST="1")


def insist(asking: Callable[[dict[str, str]], T]) -> tuple[dict[str, str], T]:
    """Ask the stage until it answers, and return what was skipped with the answers; raises StageError.

    `asking` gets the steps to skip, each with the reason: those that end the process.
    """
    skip: dict[str, str] = {}
    while True:
        try:
            return skip, asking(skip)
        except MuteError as error:
            if error.step is None or error.step in skip:
                hint = "`onebin run` starts the host there; `onebin cache clean stages` makes the stage anew"
                raise StageError(f"the stage does not answer: {error}", error.hint or hint) from error
            skip[error.step] = f"it ends the process, {error}"


def ask(argv: Sequence[str | Path], questions: Mapping[str, object], read: Callable[[str], T], **extra: str) -> T:
    """Ask a process that answers as `onebin_runtime._probe` does; raises MuteError.

    `read` makes the answers of their JSON, or raises ValueError.
    """
    with scratch() as directory:
        empty, temporary = directory / "empty", directory / "temporary"
        empty.mkdir()
        temporary.mkdir()
        env = {**bare_environment(**extra), **dict.fromkeys(_TEMPORARY, str(temporary))}
        try:
            completed = run(argv, env=env, cwd=empty, stdin=json.dumps(questions), timeout=TIMEOUT_SECONDS)
        except ProcessError as error:
            raise MuteError(error.tail, hint=error.hint) from error
    lines = completed.stdout.splitlines()
    answers = next((line[1:] for line in lines if line.startswith("=")), "")
    try:
        return read(answers)
    except ValueError as error:
        printed = (completed.stderr.strip() or completed.stdout.strip()).splitlines()
        tail = "\n".join(printed[-_SHOWN_LINES:])
        raise MuteError(
            f"exit code {completed.code}{': ' + tail if tail else ''}", step=None if answers else _last_step(lines)
        ) from error


def _last_step(lines: Sequence[str]) -> str | None:
    """Return the step that a process had begun when it ended."""
    steps = [line[1:] for line in lines if line.startswith("?")]
    try:
        return str(json.loads(steps[-1])) if steps else None
    except ValueError:
        return None

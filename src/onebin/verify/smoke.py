"""Run the user's own checks with both the staged host and the artifact, and compare their output.

Takes command lines with `{artifact}` in them and returns lines about those that had the same result but failed. Raises
VerifyError with all commands whose exit code or output differs. What cannot be the same in two locations (their paths,
addresses of objects) is normalised before the comparison.
"""

from __future__ import annotations

import difflib
import os
import re
import shlex
import sys
from typing import TYPE_CHECKING

from onebin.errors import Finding, ProcessError, VerifyError
from onebin.platforms import Runner
from onebin.probe import WITHOUT_SIDE_CARS
from onebin.system import Completed, run, scratch
from onebin.tree import places_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from onebin.cache import Cache
    from onebin.check import Plan
    from onebin.codegen import Source

KIND = "sources"
TIMEOUT_SECONDS = 600.0
_SHOWN_LINES = 12
_SHOWN_CHARACTERS = 200
_TRACEBACK = "Traceback (most recent call last):"
# Where an unpacked tree is: in a cache, or in a private folder of the launcher; and where PyInstaller unpacks one file.
_TREE = re.compile(r"[^\s'\"]*/(?:artifacts/[^/\s]+-[0-9a-f]{32}|onebin-\d+-[^/\s]+-[0-9a-f]{32}-\w{6})")
_ONE_FILE = re.compile(r"[^\s'\"]*[/\\]_MEI\w+")
# In a traceback, the frames of what calls the host: its script, or the generated entry.
_CALLER = re.compile(
    r"""^  File "(?:\{prefix\}/bin/[^/"]+|(?:[^"]*[/\\]sources[/\\][0-9a-f]+[/\\])?entry\.py)", line \d+, in .*\n"""
    r"(?:    .*\n)*",
    re.MULTILINE,
)
_ADDRESS = re.compile(r"\b0x[0-9a-f]{6,}\b")


def compare_commands(
    commands: Sequence[str], artifact: Path, source: Source, plan: Plan, cache: Cache
) -> tuple[str, ...]:
    """Run commands with the staged host and the artifact; raises VerifyError if the results of any are not the same.

    Returns a line for each command that fails with both alike, as a broken plugin would.
    """
    findings: list[Finding] = []
    notices: list[str] = []
    runner = plan.runner or Runner.native()
    with scratch() as folder:
        staged = write_script(staged_command(source, plan, cache), folder / plan.manifest.bundle.name)
        if runner.command:
            (folder / "artifact").mkdir()
            artifact = write_script([*runner.command, str(artifact)], folder / "artifact" / artifact.name)
        for command in commands:
            found = _compare(command, staged, artifact, plan)
            if isinstance(found, Completed):
                notices += failed_alike(command, found)
            else:
                findings.append(found)
    if findings:
        raise VerifyError(f"{plan.manifest.bundle.name} fails its own checks", findings)
    return tuple(notices)


def failed_alike(command: str, found: Completed) -> Iterator[str]:
    """Yield a notice if a command, which had the same result twice, has an exit code or prints a traceback."""
    is_traceback = found.code == 0 and _TRACEBACK in found.stderr
    if found.code == 0 and not is_traceback:
        return
    last = next((line.strip() for line in reversed(found.stderr.splitlines()) if line.strip()), "")
    said = f": {last[:_SHOWN_CHARACTERS]}" if last else ""
    ended = "print a traceback" if is_traceback else f"end with {found.code}"
    expected = shlex.quote(f"{command}; test $? = {found.code % 256}")
    then = "" if is_traceback else f" if it is, write sh -c {expected}"
    yield f"{command}: staged host and artifact both {ended}{said}; is that what you expect?{then}"


def staged_command(source: Source, plan: Plan, cache: Cache) -> list[str]:
    """Return the command that starts the staged host, with the registry and entry of a generated source."""
    directory = cache.ensure(KIND, source.digest, source.write)
    command = () if plan.stage.runner is None else plan.stage.runner.command
    return [*command, str(plan.stage.host_python), "-E", "-s", "-B", str(directory / "entry.py")]


def write_script(words: Sequence[str], file: Path) -> Path:
    """Write a script that runs a command with more arguments, and return its file; raises OSError."""
    if sys.platform == "win32":
        file = file.with_suffix(".cmd")
        quoted = " ".join(f'"{word}"' for word in words)
        file.write_text(f"@{quoted} %*\n", "utf-8")
    else:
        file.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n', "utf-8")
        file.chmod(0o755)
    return file


def _compare(command: str, staged: Path, artifact: Path, plan: Plan) -> Finding | Completed:
    """Return how a command ends with the artifact, or what is not the same with the staged host."""
    try:
        runner = plan.runner or Runner.native()
        expected = _run(command, staged, plan.stage.host_variables)
        found = _run(command, artifact, runner.variables)
    except ProcessError as error:
        return Finding(command, error.tail or error.message, error.hint)
    if expected.code != found.code:
        tail = "\n    ".join((found.stderr or found.stdout).strip().splitlines()[-_SHOWN_LINES:])
        message = f"exit code {found.code} with the artifact, {expected.code} with the staged host\n    {tail}"
        return Finding(command, message, "see docs/troubleshooting.md")
    for name in ("stdout", "stderr"):
        before = _normalise(getattr(expected, name), staged, plan)
        after = _normalise(getattr(found, name), artifact, plan)
        if before != after:
            lines = list(difflib.unified_diff(before, after, "staged", "artifact", lineterm="", n=0))[:_SHOWN_LINES]
            return Finding(command, f"its {name} differs\n    " + "\n    ".join(lines))
    return found


def _run(command: str, file: Path, variables: Mapping[str, str]) -> Completed:
    """Run a command in an empty folder, with the caller's environment and some variables.

    It finds no side-cars: the stage has none.
    """
    words = [word.replace("{artifact}", str(file)) for word in shlex.split(command)]
    with scratch() as folder:
        return run(words, env={**os.environ, **variables, **WITHOUT_SIDE_CARS}, cwd=folder, timeout=TIMEOUT_SECONDS)


def _normalise(text: str, file: Path, plan: Plan) -> list[str]:
    """Return the lines with the same names everywhere for the file, the folders of an installation and addresses."""
    places = places_of(plan.interpreter)
    text = text.replace(str(file), "{artifact}").replace(file.name, plan.manifest.bundle.name)
    for folder, name in (
        (plan.stage.directory, "{prefix}"),
        (plan.interpreter.stdlib[0], f"{{prefix}}/{places.library}"),
        (file.parent, "{prefix}"),  # a folder is its own tree
    ):
        text = text.replace(str(folder), name)
    text = _ONE_FILE.sub(f"{{prefix}}/{places.site_packages}", _TREE.sub("{prefix}", text))
    return _ADDRESS.sub("0x", _CALLER.sub("", text)).splitlines()

"""Measure how long an artifact takes to start, once it is unpacked.

Without a command, a start is what happens before the host's own code runs: the artifact's interpreter starts, and
imports the module that the host's script calls. Then the host is not run.
"""

from __future__ import annotations

import shlex
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

from onebin.errors import ProcessError
from onebin.measure.imports import host_module
from onebin.measure.importtime import REPORT_ALL, TIMEOUT_SECONDS, ImportTimes, time_imports
from onebin.platforms import Runner
from onebin.probe import WITHOUT_SIDE_CARS, ProbeError, ask_artifact
from onebin.system import environment, run, scratch
from onebin.workspace import CACHE_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from onebin.card import Facts, Questions
    from onebin.manifest import Manifest

START_RUNS = 7
_REPORTED_RUNS = 3
_NOTHING: Questions = {
    "host": "",
    "distributions": [],
    "plugins": [],
    "modules": [],
    "data": [],
    "installation": None,
    "skip": {},
}
_PREPARE = "import onebin_start\nonebin_start.start()\n"
_IMPORT = "__import__(sys.argv[1])"
_RUN = (
    "script, *sys.argv[:] = sys.argv[1:]\n"
    "with open(script, 'rb') as opened: code = compile(opened.read(), script, 'exec')\n"
    "exec(code)"
)


@dataclass(frozen=True, kw_only=True)
class Start:
    """How long a start takes: the median in milliseconds, each run, and the imports if they can be seen.

    `command` is what was started; None means until the host's module is imported.
    """

    command: str | None
    start_ms: float
    runs_ms: tuple[float, ...]
    times: ImportTimes | None


def time_start(file: Path, facts: Facts, manifest: Manifest, *, command: str | None) -> Start:
    """Return how long an artifact takes to start; raises ProcessError if it does not start.

    `manifest` is what it was built from. `command` begins with `{artifact}`.
    """
    with unpacked(file, layout=facts["layout"]) as (python, env, folder):
        options = ["-I", *["-O"] * manifest.freeze.optimize]
        prepare = _PREPARE if _prepares(manifest) else ""
        if command is not None:
            argv = [word.replace("{artifact}", str(file)) for word in shlex.split(command)]
            script = str(python.parent / (manifest.host.script or manifest.bundle.name)) if python else ""
            reported = ["-c", f"{REPORT_ALL}{prepare}{_RUN}", script, *argv]
        elif python is not None and host_module(facts):
            argv = [str(python), *options, "-c", f"import sys\n{prepare}{_IMPORT}", host_module(facts)]
            reported = ["-c", f"{REPORT_ALL}{prepare}{_IMPORT}", host_module(facts)]
        else:
            raise ProcessError([str(file)], -1, *_without_import(facts))
        seconds = _seconds(argv, env, folder)
        times = None
        if python is not None:
            times = time_imports([python, *options], reported, env=env, cwd=folder, runs=_REPORTED_RUNS)
    return Start(
        command=command,
        start_ms=median(seconds) * 1000,
        runs_ms=tuple(each * 1000 for each in seconds),
        times=times,
    )


def _without_import(facts: Facts) -> tuple[str, str]:
    """Return why the host's module cannot be imported by itself, and what to do."""
    if facts["layout"] != "onefile" and host_module(facts):
        return "the artifact did not unpack itself for it", "set TMPDIR to a folder where programs can be executed"
    why = "the host's script is a file" if not host_module(facts) else 'layout = "onefile" has no interpreter'
    return why, 'name a start, such as start-command = "{artifact} --version"'


def _prepares(manifest: Manifest) -> bool:
    """Return whether a bundle imports or isolates plugins, or looks for side-cars, before its host."""
    is_eager = any(point.load == "eager" for point in manifest.extension_points.values())
    return is_eager or any(row.isolate for row in manifest.plugins) or manifest.side_cars is not None


def _seconds(argv: Sequence[str], env: Mapping[str, str], folder: Path) -> list[float]:
    """Return how long each run of a program took; one more comes first, and does not count."""
    found = []
    for _ in range(1 + START_RUNS):
        started = perf_counter()
        completed = run(argv, env=env, cwd=folder, timeout=TIMEOUT_SECONDS)
        found.append(perf_counter() - started)
        if completed.code != 0:
            raise ProcessError(argv, completed.code, (completed.stderr.strip() or completed.stdout.strip())[-500:])
    return found[1:]


@contextmanager
def unpacked(file: Path, *, layout: str) -> Iterator[tuple[Path | None, dict[str, str], Path]]:
    """Have an artifact unpack itself into its own cache; yield its interpreter, an environment and an empty folder.

    There is no interpreter if it did not unpack itself there. Raises ProcessError.
    """
    with scratch() as directory:
        cache, empty = directory / "cache", directory / "empty"
        empty.mkdir()
        cache.mkdir(mode=0o700)
        variables = {CACHE_VARIABLE: str(cache)}
        try:
            ask_artifact(file, _NOTHING, Runner.native(), **variables)
        except ProbeError as error:
            raise ProcessError([str(file)], -1, str(error), error.hint) from error
        found = [file.parent / "bin" / "python"] if layout == "onedir" else cache.glob("artifacts/*/bin/python")
        yield next(iter(found), None), environment(**variables, **WITHOUT_SIDE_CARS), empty

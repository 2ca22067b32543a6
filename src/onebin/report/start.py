"""Measure what an artifact imports when it starts, with its own interpreter.

The artifact is run once, to unpack itself into a temporary folder and to answer an empty self-test. The interpreter in
that tree then imports the host's module and those of each plugin, several times, with `-X importtime`. The host's
function is not called.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import chain
from statistics import median, median_low
from typing import TYPE_CHECKING

from onebin.card import INTERPRETER
from onebin.errors import ProcessError
from onebin.measure import REPORT_ALL, parse_importtime, run_importtime, unpacked
from onebin.report.sections import Frame, StartTimes
from onebin.system import bare_environment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from onebin.card import Report
    from onebin.measure import Import

MOST = 5_000
_DEEPEST = 100  # CPython cannot nest many more imports, and a chart of them could not be read
_PYTHON = "Python itself"
# What a plugin imports may fail by itself: it may need a host that runs.
_IMPORTS = f"""{REPORT_ALL}
phases, sys.argv[1:] = sys.argv[1:], []
for number, names in enumerate(phases):
    print(f"\\n@onebin phase {{number}}", file=sys.stderr, flush=True)
    for name in filter(None, names.split(",")):
        try:
            __import__(name)
        except BaseException:
            print(f"\\n@onebin failed {{name}}", file=sys.stderr, flush=True)
"""
_PHASE = re.compile(r"^@onebin phase \d+$", re.MULTILINE)
_FAILED = re.compile(r"^@onebin failed (\S+)$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Measured:
    """The times of a start; `plugins_us` is how long the modules of each plugin take to import, in microseconds.

    What a plugin is the first to import counts for it, whether the host imports the plugin or the plugin comes later.
    """

    start: StartTimes
    plugins_us: Mapping[str, int]


class UnmeasuredError(Exception):
    """The start cannot be measured; the text says why."""


def measure_start(file: Path, report: Report) -> Measured:
    """Run an artifact, and return the imports of its start; raises UnmeasuredError."""
    if report["layout"] == "onefile":
        raise UnmeasuredError('an artifact with layout = "onefile" has no interpreter that could be asked')
    phases = _phases(report)
    arguments = ["-c", _IMPORTS, *(",".join(modules) for modules in phases.values())]
    try:
        with unpacked(file, layout=report["layout"]) as (python, _, empty):
            if python is None:
                raise UnmeasuredError("it cannot be unpacked into the folder for temporary files")
            printed = run_importtime([python, "-I"], arguments, env=bare_environment(), cwd=empty)
    except ProcessError as error:
        raise UnmeasuredError(f"it cannot be run here: {error.tail or error.message}") from error
    plugins = {plugin["name"]: plugin["modules"] for plugin in report["plugins"]}
    return summarise([_PYTHON, *phases], printed, owners=_owners(report), plugins=plugins)


def summarise(
    titles: Sequence[str],
    printed: Sequence[str],
    *,
    owners: Mapping[str, str],
    plugins: Mapping[str, Sequence[str]],
) -> Measured:
    """Return the times of a start, given what each run printed to standard error, one part for each phase.

    `owners` has the owner of each module; modules that it does not have are built into the interpreter. `plugins` has
    the modules of each plugin.
    """
    runs = [[parse_importtime(part) for part in _PHASE.split(text)] for text in printed]
    runs = [(run + [()] * len(titles))[: len(titles)] for run in runs]
    totals = [sum(row.cumulative_us for phase in run for row in phase) for run in runs]
    total = median_low(totals)
    start = StartTimes(
        runs=len(runs),
        total_us=total,
        frames=tuple(_bounded(list(_frames(titles, runs[totals.index(total)], owners)))),
        failed=tuple(dict.fromkeys(_FAILED.findall("\n".join(printed)))),
    )
    times = {
        name: round(median(sum(_times(chain.from_iterable(run), modules)) for run in runs))
        for name, modules in plugins.items()
    }
    return Measured(start=start, plugins_us=times)


def _times(imports: Iterable[Import], modules: Sequence[str]) -> Iterator[int]:
    """Yield the time of each import of some modules or of what is in them, unless it is in another one of these."""
    names, packages = {*modules}, tuple(f"{module}." for module in modules)
    waiting = [*imports]
    while waiting:
        row = waiting.pop()
        if row.module in names or row.module.startswith(packages):
            yield row.cumulative_us
        else:
            waiting += row.children


def _phases(report: Report) -> dict[str, list[str]]:
    """Return what a start imports after Python's own modules: the host's, then those of each plugin in their order."""
    host = report["host"]
    named = {f"host {host['name']}": [host["entry"].partition(":")[0]]}
    named |= {f"plugin {plugin['name']}": plugin["modules"] for plugin in report["plugins"]}
    return {title: list(filter(_is_module, modules)) for title, modules in named.items()}


def _is_module(name: str) -> bool:
    return all(part.isidentifier() for part in name.split("."))


def _owners(report: Report) -> Mapping[str, str]:
    """Return the owner of each module, also of a top-level package that has none of its own."""
    found: dict[str, str] = {}
    for file in report["files"]:
        _, is_in, inner = file["path"].partition("/site-packages/")
        if is_in and file["path"].endswith((".py", ".so", ".pyd")):
            folder, _, name = inner.rpartition("/")
            module = f"{folder}/{name.partition('.')[0]}".strip("/").removesuffix("/__init__")
            found.setdefault(module.replace("/", "."), file["owner"])
    found.update({module["name"]: module["owner"] for module in report["modules"]})
    for name, owner in [*found.items()]:
        found.setdefault(name.partition(".")[0], owner)
    return found


def _frames(titles: Sequence[str], phases: Sequence[tuple[Import, ...]], owners: Mapping[str, str]) -> Iterator[Frame]:
    """Yield a frame for each phase and each import in it, parents first."""
    number = 0
    for title, imports in zip(titles, phases, strict=True):
        whole = sum(row.cumulative_us for row in imports)
        if not whole:
            continue  # a plugin that the host has imported
        yield Frame(name=title, parent=None, owner=None, self_us=0, cumulative_us=whole)
        waiting = [(row, number, 1) for row in reversed(imports)]
        number += 1
        while waiting:
            row, parent, depth = waiting.pop()
            yield Frame(
                name=row.module,
                parent=parent,
                owner=owners.get(row.module, owners.get(row.module.partition(".")[0], INTERPRETER)),
                self_us=row.self_us,
                cumulative_us=row.cumulative_us,
            )
            if depth < _DEEPEST:
                waiting += [(child, number, depth + 1) for child in reversed(row.children)]
            number += 1


def _bounded(frames: Sequence[Frame]) -> Iterator[Frame]:
    """Yield the frames that take longest, with their parents, which take as long at least."""
    longest = sorted(range(len(frames)), key=lambda index: (-frames[index].cumulative_us, index))[:MOST]
    numbers = {before: number for number, before in enumerate(sorted(longest))}
    for before in numbers:
        frame = frames[before]
        if frame.parent is None or frame.parent in numbers:
            yield replace(frame, parent=None if frame.parent is None else numbers[frame.parent])

"""Measure how long imports take: run a Python several times with `-X importtime`, and read what it prints.

CPython writes a line to standard error when an import ends, so a module comes after those that it imports:

    import time: self [us] | cumulative | imported package
    import time:        88 |         88 |   json.decoder
    import time:       307 |        395 | json

Two spaces before a name are one level. A program's own output, even without a line break before such a line, is
skipped; so are the modules that `-X importtime=2` calls "cached" (Python 3.14). Times are in microseconds.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from statistics import median_low
from typing import TYPE_CHECKING

from onebin.errors import ProcessError
from onebin.system import run

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

RUNS = 5

# The interpreter reports what statements import, and not what `importlib.import_module` does, by which most hosts
# import their plugins: a program that begins with these lines has all of it reported.
REPORT_ALL = """\
import importlib, sys
def reported(original):
    def import_module(name, package=None):
        if name.startswith("."):
            if not package:
                return original(name, package)
            level = len(name) - len(name.lstrip("."))
            name = importlib._bootstrap._resolve_name(name[level:], package, level)
        __import__(name)
        return sys.modules[name]
    for module in [*sys.modules.values()]:
        if vars(module).get("import_module") is original:
            module.import_module = import_module
reported(importlib.import_module)
"""
TIMEOUT_SECONDS = 120.0
_LINE = re.compile(r"import time: +(?P<own>\d+) \| +(?P<all>\d+) \| (?P<indent>(?:  )*)(?P<module>\S.*)$")
_ANY_LINE = re.compile(r"import time: +(?:\d+|cached|self \[us\]) +\| +(?:\d+|cached|cumulative) +\| .*$")
_SHOWN_LINES = 5


@dataclass(frozen=True, kw_only=True)
class Import:
    """One import: its own time, that with everything it imported, in microseconds, and those imports in order."""

    module: str
    self_us: int
    cumulative_us: int
    children: tuple[Import, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ModuleTime:
    """The median times of a module, in microseconds; a run in which it was not imported counts as zero.

    `importer` is the module that was being imported when this one was, in most runs; None if there was none. `runs` is
    the number of runs in which it was imported.
    """

    module: str
    self_us: int
    cumulative_us: int
    importer: str | None
    runs: int


@dataclass(frozen=True, kw_only=True)
class ImportTimes:
    """The imports of several runs of one program.

    `total_us` is the median of the sums of all imports of a run, and `imports` the tree of the run that has it.
    `modules` are the medians over all runs, the module with the longest time of its own first.
    """

    runs: int
    total_us: int
    imports: tuple[Import, ...]
    modules: tuple[ModuleTime, ...]


def time_imports(
    python: Sequence[str | Path],
    arguments: Sequence[str | Path],
    *,
    env: Mapping[str, str],
    cwd: Path | None = None,
    runs: int = RUNS,
    timeout: float = TIMEOUT_SECONDS,
) -> ImportTimes:
    """Run a Python with arguments (`-c` and a statement, or a program and its arguments) and return its imports.

    `python` is the interpreter with its options; it must obey `-X`. What `importlib.import_module` imports is only seen
    if a statement begins with `REPORT_ALL`. Raises ProcessError if a run fails or takes longer than `timeout` seconds.
    """
    printed = run_importtime(python, arguments, env=env, cwd=cwd, runs=runs, timeout=timeout)
    return summarise([parse_importtime(text) for text in printed])


def run_importtime(
    python: Sequence[str | Path],
    arguments: Sequence[str | Path],
    *,
    env: Mapping[str, str],
    cwd: Path | None = None,
    runs: int = RUNS,
    timeout: float = TIMEOUT_SECONDS,
) -> tuple[str, ...]:
    """Return what each run printed to standard error; see `time_imports`.

    One more run comes first, and does not count: it reads files from the disk, and may compile sources.
    """
    argv = [*python, "-X", "importtime", *arguments]
    printed = []
    for _ in range(1 + runs):
        completed = run(argv, env=env, cwd=cwd, timeout=timeout)
        if completed.code != 0:
            tail = "\n".join(_own_lines(completed.stderr)[-_SHOWN_LINES:])
            raise ProcessError([str(word) for word in argv], completed.code, tail)
        printed.append(completed.stderr)
    return tuple(printed[1:])


def parse_importtime(text: str) -> tuple[Import, ...]:
    """Return the imports in what `-X importtime` printed, in the order in which they ended, each with those in it.

    Threads and child processes may write between each other's lines. Then an import may be in a wrong place.
    """
    pending: list[tuple[int, Import]] = []
    for line in text.splitlines():
        found = _LINE.search(line)
        if found is None:
            continue
        level, first = len(found["indent"]) // 2, len(pending)
        while first and pending[first - 1][0] > level:
            first -= 1
        row = Import(
            module=found["module"],
            self_us=int(found["own"]),
            cumulative_us=int(found["all"]),
            children=tuple(child for _, child in pending[first:]),
        )
        pending[first:] = [(level, row)]
    return tuple(row for _, row in pending)


def summarise(runs: Sequence[tuple[Import, ...]]) -> ImportTimes:
    """Return the medians of the imports of some runs, at least one."""
    totals = [sum(row.cumulative_us for row in imports) for imports in runs]
    total = median_low(totals)
    return ImportTimes(
        runs=len(runs),
        total_us=total,
        imports=runs[totals.index(total)],
        modules=_medians([list(_walk(imports)) for imports in runs]),
    )


def _medians(runs: Sequence[Sequence[tuple[Import, Import | None]]]) -> tuple[ModuleTime, ...]:
    """Return the medians of each module, from each run's imports with their importers."""
    own, whole = [Counter[str]() for _ in runs], [Counter[str]() for _ in runs]
    importers: dict[str, Counter[str | None]] = {}
    for number, imports in enumerate(runs):
        for row, importer in imports:
            own[number][row.module] += row.self_us
            if importer is None or importer.module != row.module:
                whole[number][row.module] += row.cumulative_us
            importers.setdefault(row.module, Counter())[None if importer is None else importer.module] += 1
    rows = [
        ModuleTime(
            module=module,
            self_us=median_low(each[module] for each in own),
            cumulative_us=median_low(each[module] for each in whole),
            importer=by.most_common(1)[0][0],
            runs=sum(module in each for each in own),
        )
        for module, by in importers.items()
    ]
    return tuple(sorted(rows, key=lambda row: (-row.self_us, row.module)))


def _walk(imports: Iterable[Import], importer: Import | None = None) -> Iterator[tuple[Import, Import | None]]:
    """Yield each import with the one that it is in."""
    waiting = [(row, importer) for row in imports]
    while waiting:
        row, above = waiting.pop()
        yield row, above
        waiting += [(child, row) for child in row.children]


def _own_lines(text: str) -> list[str]:
    """Return what a program itself printed to standard error."""
    lines = (_ANY_LINE.sub("", line).rstrip() for line in text.splitlines())
    return [line for line in lines if line]

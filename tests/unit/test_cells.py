"""The cells of a matrix on a terminal: a row for each that is being built, and never more lines than there are."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from support.processes import callers_environment
from support.screens import at_screen

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")

STYLE = re.compile(rb"\x1b\[[\d;]+m")
# Events as lines on standard input: of a matrix, one for each line; "." waits for Enter, so that a test can look.
PROGRAM = """
import sys, time
import onebin
from onebin.cli.progress import Progress

def cell(number):
    return f"lite-py3.{number}-linux-x86_64-musl"

number, ended = int(sys.argv[1]), int(sys.argv[2])
with Progress() as shown:
    shown(onebin.StepStarted(step="build"))
    shown(onebin.CellsQueued(step="build", cells=number + 3))
    for each in range(number):
        worker = f"10.0.0.{each}:4567"
        doing = "downloading a-package-with-a-long-name and 3 others"
        shown(onebin.CellAdvanced(cell=cell(each), step="stage", doing=doing, worker=worker))
    shown(onebin.CellAdvanced(cell=cell(0), step="freeze", worker="10.0.0.0:4567"))
    input()
    for each in range(ended):
        status = "failed" if each == 1 else "built"
        shown(onebin.CellFinished(cell=cell(each), status=status, outcome=f"{status}, 11.2 MB in 12.3 s"))
    if number > ended:
        shown(onebin.CellAdvanced(cell=cell(number - 1), step=""))
    input()
    shown(onebin.StepFinished(step="build", outcome=f"{ended} of {number} cells", seconds=1.0))
"""


def _program(number: int, ended: int) -> list[str]:
    return [sys.executable, "-c", PROGRAM, str(number), str(ended)]


def _row(lines: Sequence[str], start: str) -> str:
    (row,) = (line for line in lines if line.lstrip().startswith(start))
    return row


def test_each_running_cell_has_a_row() -> None:
    """A row has the cell's name, its step, what that does, the worker and the seconds; the last line sums up."""
    with at_screen(_program(4, 2)) as screen:
        screen.wait_for(lambda lines: "4 running" in lines[-1], "the total")
        lines = screen.lines
        assert re.fullmatch(r"  lite-py3\.0-linux-x86_64-musl freeze +10\.0\.0\.0:4567 +\d s", lines[0])
        assert re.fullmatch(r"  lite-py3\.1-linux-x86_64-musl stage +downloading a-p… 10\.0\.0\.1:4567 +\d s", lines[1])
        assert re.fullmatch(r". build +0 of 7 done, 4 running, 3 waiting \d s", lines[4])
        assert len(lines) == 5
        screen.type(b"\r")
        lines = screen.wait_for(lambda lines: "1 of 7 done, 1 failed, 1 running, 4 waiting" in lines[-1], "the total")
        text = [line for line in lines if line]
        assert text[:2] == [
            "  lite-py3.0-linux-x86_64-musl: built, 11.2 MB in 12.3 s",
            "  lite-py3.1-linux-x86_64-musl: failed, 11.2 MB in 12.3 s",
        ]
        assert text[2].startswith("  lite-py3.2-linux-x86_64-musl stage")
        assert len(text) == 4
        screen.type(b"\r")
        lines = [line for line in screen.finish() if line]
        assert lines[-1].startswith("✓ build     2 of 4 cells")
        assert len(lines) == 3


@pytest.mark.parametrize(("rows", "columns", "shown"), [(24, 80, 20), (10, 40, 6), (6, 40, 2), (3, 30, 0), (1, 20, 0)])
def test_there_are_never_more_rows_than_the_terminal_has(rows: int, columns: int, shown: int) -> None:
    """On a small terminal, the first cells have rows, and a line says how many others there are."""
    with at_screen(_program(30, 5), rows=rows, columns=columns, env={"PYTHONIOENCODING": "utf-8"}) as screen:
        screen.wait_for(lambda lines: "build" in lines[-1] and "0 of " in lines[-1], "the total")
        screen.wait_for(lambda lines: not shown or "freeze" in lines[0], "the rows")
        lines = screen.lines
        assert len(lines) <= rows
        assert max(map(len, lines)) <= columns
        assert sum(line.startswith("  lite") for line in lines) == shown
        if shown:
            assert lines[-2] == f"  and {30 - shown} others"
        screen.type(b"\r")
        screen.wait_for(lambda lines: "4 of " in lines[-1], "the total")
        assert max(map(len, screen.lines)) <= columns
        screen.type(b"\r")
        lines = screen.finish()
        assert not any("others" in line or "stage" in line or "running" in line for line in lines), lines


def test_rows_follow_the_size_of_the_terminal() -> None:
    """After the terminal has become smaller or larger, rows are as wide and as many as fit now."""
    with at_screen(_program(12, 2), rows=20, columns=100) as screen:
        screen.wait_for(lambda lines: "12 running" in lines[-1], "the total")
        assert "10.0.0.11:4567" in _row(screen.lines, "lite-py3.11-")
        screen.resize(12, 50)
        screen.wait_for(lambda lines: any("and 4 others" in line for line in lines), "fewer rows")
        lines = [line for line in screen.lines if line]
        assert max(map(len, lines)) < 50
        assert not any("10.0.0" in line for line in lines)
        screen.resize(30, 120)
        screen.wait_for(lambda lines: any("10.0.0.11:4567" in line for line in lines), "all rows")
        screen.type(b"\r\r")
        lines = [line for line in screen.finish() if line]
        assert lines[-1].startswith("✓ build     2 of 12 cells")


def test_rows_have_no_styles_where_none_are_wanted() -> None:
    """With NO_COLOR, rows are drawn without colours, dim and bold text; a failed cell is red otherwise."""
    for env, is_styled in (({}, True), ({"NO_COLOR": "1"}, False)):
        with at_screen(_program(3, 2), env=env) as screen:
            screen.wait_for(lambda lines: "3 running" in lines[-1], "the total")
            screen.type(b"\r\r")
            screen.finish()
            assert bool(re.search(rb"\x1b\[[\d;]*\b3[0-7]m", screen.raw)) == is_styled
            assert bool(STYLE.search(screen.raw)) == is_styled


@pytest.mark.parametrize("command", ["doctor", "inspect nosuch", "cache list", "help cache", "--nosuch"])
def test_commands_have_no_styles_where_none_are_wanted(tmp_path: Path, command: str) -> None:
    """With NO_COLOR, and on a terminal without colours, results and errors have no colours, dim and bold text."""
    base = {"ONEBIN_CACHE_DIR": str(tmp_path)}
    for env in ({"NO_COLOR": "1"}, {"TERM": "dumb"}, {"NO_COLOR": "1", "FORCE_COLOR": "1"}):
        with at_screen([sys.executable, "-m", "onebin", *command.split()], env={**base, **env}) as screen:
            screen.finish()
            assert screen.raw.strip()
            assert not STYLE.search(screen.raw)


def test_terminal_without_controls_gets_lines() -> None:
    """A terminal that cannot move its cursor gets no controls, and a line for each cell that has ended."""
    with at_screen(_program(3, 2), env={"TERM": "dumb"}) as screen:
        screen.type(b"\r\r")
        lines = screen.finish()
        assert b"\x1b[" not in screen.raw
        assert "  lite-py3.0-linux-x86_64-musl: built, 11.2 MB in 12.3 s" in lines


def _in_a_pipe(seconds: float, patience: float) -> list[str]:
    code = f"from onebin.cli import progress; progress._PATIENCE = {patience}\n{PROGRAM}"
    command = [sys.executable, "-c", code.replace("input()", f"time.sleep({seconds})"), "6", "2"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=callers_environment())
    assert "\x1b" not in done.stderr
    return done.stderr.splitlines()


def test_pipe_gets_lines() -> None:
    """In a pipe, there is a line for each cell that has ended, and now and then some about those that run."""
    lines = _in_a_pipe(0.7, 0.2)
    assert "  lite-py3.1-linux-x86_64-musl: failed, 11.2 MB in 12.3 s" in lines
    places = [place for place, line in enumerate(lines) if line.startswith("build: running for")]
    first = places[0]
    assert lines[first].endswith(" s, 0 of 9 done, 6 running, 3 waiting")
    assert lines[first + 1] == "  lite-py3.0-linux-x86_64-musl: freeze for 0 s"
    assert lines[first + 2].startswith("  lite-py3.1-linux-x86_64-musl: stage for 0 s, downloading a-package")
    assert lines[first + 5] == "  and 2 others"
    assert "1 of 9 done, 1 failed, 3 running, 4 waiting" in lines[places[-1]]
    assert max(map(len, lines)) <= 120


def test_pipe_gets_the_name_of_each_slow_step_of_a_cell() -> None:
    """In a pipe, a step of a cell that takes over a second is named then, once, long before the next line about all."""
    lines = _in_a_pipe(1.8, 60)
    assert lines[:6] == [
        "  lite-py3.0-linux-x86_64-musl: freeze",
        *(f"  lite-py3.{number}-linux-x86_64-musl: stage" for number in range(1, 6)),
    ]
    assert len(lines) == 9

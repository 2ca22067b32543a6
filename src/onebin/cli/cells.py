"""Draw the cells of a matrix while they are built: a row for each that is being built, and a line for all.

On a terminal, the rows change in place: name, step and what it does, worker, seconds. There are never more lines than
the terminal has; columns that do not fit are left out. In a pipe, each has a line.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from rich.text import Text

from onebin.cli.report import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onebin import CellAdvanced, CellFinished

_INDENT = "  "
_STEP = 9  # columns of the name of a step
_SECONDS = 7  # columns of the seconds
_LEAST_DOING = 12  # columns below which it is not said what a step does
_LEAST_NAME = 12
_MOST_WORKER = 24
_ABOVE = 2  # lines of a terminal that are left for what was printed before
_SHOWN = 4  # cells that are named each time in a pipe


@dataclass(kw_only=True)
class _Row:
    now: CellAdvanced
    since: float = field(default_factory=time.monotonic)
    step_since: float = field(default_factory=time.monotonic)
    is_named: bool = False  # whether there was a line about its step

    @property
    def seconds(self) -> str:
        return f"{time.monotonic() - self.since:.0f} s"


@dataclass(kw_only=True)
class Cells:
    """The cells of a matrix that are being built, and how many have ended. Events may come from another thread."""

    total: int
    done: int = 0
    failed: int = 0
    _rows: dict[str, _Row] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def advance(self, event: CellAdvanced) -> bool:
        """Take what is done for a cell, and return whether it has begun to wait for another process."""
        with self._lock:
            row = self._rows.get(event.cell)
            if not event.step:
                self._rows.pop(event.cell, None)
            elif row is None or row.now.worker != event.worker:
                self._rows[event.cell] = _Row(now=event)
            else:
                row.now, was = event, row.now
                if event.step != was.step:
                    row.step_since, row.is_named = time.monotonic(), False
                return event.is_waiting and not was.is_waiting
        return event.is_waiting

    def finish(self, event: CellFinished) -> None:
        """Take how a cell ended."""
        with self._lock:
            self._rows.pop(event.cell, None)
            self.done += event.status in {"built", "stored"}
            self.failed += event.status not in {"built", "stored"}

    def summary(self, columns: int | None = None) -> str:
        """Return how many cells have ended, are being built, and wait, as far as the columns allow."""
        with self._lock:
            running = len(self._rows)
        waiting = self.total - self.done - self.failed - running
        parts = [
            f"{self.done} of {self.total} done",
            f"{self.failed} failed" if self.failed else "",
            f"{running} running" if running else "",
            f"{waiting} waiting" if waiting > 0 else "",
        ]
        said = [part for part in parts if part]
        while columns is not None and len(said) > 1 and len(", ".join(said)) > columns:
            said.pop()
        return ", ".join(said)

    def slow_steps(self, seconds: float) -> list[str]:
        """Return a line for each step that has run for so long since it began, once for each."""
        with self._lock:
            now = time.monotonic()
            rows = [row for row in self._rows.values() if not row.is_named and now - row.step_since >= seconds]
            for row in rows:
                row.is_named = True
        return [f"{_INDENT}{plain(row.now.cell, one_line=True)}: {row.now.step}" for row in rows]

    def named(self, most: int) -> list[str]:
        """Return a line for each of a few cells that run: what is done for it, in so many characters at most."""
        rows = self._running()
        shown = [_named(row, most) for row in islice(rows, _SHOWN)]
        return [*shown, *([f"{_INDENT}and {len(rows) - _SHOWN} others"] if len(rows) > _SHOWN else [])]

    def lines(self, columns: int, rows: int) -> Iterator[Text]:
        """Yield a line for each cell that is being built, for a terminal of this size that has one more line."""
        running = self._running()
        room = max(0, rows - 1 - _ABOVE)
        shown = running if len(running) <= room else running[: max(0, room - 1)]
        widths = _widths(running, columns)
        for row in shown:
            yield _line(row, widths)
        if room and len(shown) < len(running):
            yield Text(f"{_INDENT}and {len(running) - len(shown)} others", style="dim")

    def _running(self) -> list[_Row]:
        with self._lock:
            return list(self._rows.values())


@dataclass(frozen=True, kw_only=True)
class _Widths:
    """Columns of a row; 0 for what is left out."""

    name: int
    doing: int
    worker: int


def _widths(rows: list[_Row], columns: int) -> _Widths:
    """Share the columns of a terminal: the name first, then what is done, then the worker."""
    last = columns - 1 - len(_INDENT) - 1 - _STEP - 1 - _SECONDS  # the last column stays free
    name = min(max((len(row.now.cell) for row in rows), default=0), max(_LEAST_NAME, last))
    left = last - name
    worker = min(max((len(row.now.worker) for row in rows), default=0), _MOST_WORKER)
    if left < _LEAST_DOING + 1:
        return _Widths(name=name, doing=0, worker=0)
    if not worker or left < _LEAST_DOING + 1 + worker + 1:
        return _Widths(name=name, doing=left - 1, worker=0)
    return _Widths(name=name, doing=left - 1 - worker - 1, worker=worker)


def _line(row: _Row, widths: _Widths) -> Text:
    now = row.now
    parts = [_fitted(shortened(now.cell, widths.name), widths.name), _fitted(now.step, _STEP)]
    if widths.doing:
        parts.append(_fitted(now.doing, widths.doing))
    if widths.worker:
        parts.append(_fitted(now.worker, widths.worker, style="dim"))
    seconds = Text(f"{row.seconds:>{_SECONDS}}", style="dim")
    return Text.assemble(_INDENT, Text(" ").join([*parts, seconds]), no_wrap=True, overflow="crop")


def shortened(text: str, columns: int) -> str:
    """Return text that is too long without its middle: names of cells, and addresses, differ at both ends."""
    left, right = (columns - 1) // 2, columns // 2
    return text if len(text) <= columns else f"{text[:left]}…{text[-right:]}"


def _fitted(text: str, columns: int, *, style: str = "") -> Text:
    fitted = Text(plain(text, one_line=True), style=style)
    fitted.truncate(columns, overflow="ellipsis", pad=True)
    return fitted


def _named(row: _Row, most: int) -> str:
    cell, step, doing = (plain(each, one_line=True) for each in (row.now.cell, row.now.step, row.now.doing))
    said = f", {shortened(doing, most)}" if doing else ""
    return f"{_INDENT}{cell}: {step} for {time.monotonic() - row.step_since:.0f} s{said}"

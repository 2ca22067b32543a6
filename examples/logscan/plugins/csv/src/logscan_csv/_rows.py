"""Reads CSV rows from numbered lines, each with the line it starts on; a bad row does not affect other rows.

Python's `csv` reads the values. It does not handle a quote that is never closed: the value then
runs on into the following rows, to the end of the file or to the next quote. Here such a row is abandoned,
and reading resumes on the line after its first.
"""

from __future__ import annotations

import csv
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from logscan.lines import TOO_LONG

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from logscan.lines import Line


class Dialect(NamedTuple):
    """The characters that have a meaning; a quote within a quoted value is doubled, or comes after `escape`."""

    delimiter: str
    quote: str
    escape: str | None


class Row(NamedTuple):
    """The values of one row, which starts on `line`."""

    line: int
    values: list[str]


class BadRow(NamedTuple):
    """A line that is not, and does not begin, a row."""

    line: int
    reason: str


def read_rows(lines: Iterable[Line], *, dialect: Dialect, width: int) -> Iterator[Row | BadRow]:
    """Yield the rows, and bad rows for those that do not have `width` columns, unless it is 0; skip blank lines.

    At most one value is held in memory besides one line: `csv` refuses values of more than 131072 characters.
    """
    feed = _Feed(lines)
    reader = csv.reader(
        feed, delimiter=dialect.delimiter, quotechar=dialect.quote, escapechar=dialect.escape, strict=True
    )
    while True:
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield feed.give_up(_reason(error, spans_lines=feed.spans_lines()))
            continue
        if feed.is_blank():
            feed.start_row()
        elif width and len(values) != width:
            yield feed.give_up(f"{len(values)} column{'s' * (len(values) != 1)} instead of {width}")
        else:
            yield Row(feed.start_row(), values)


class _Feed:
    """The lines as `csv.reader` takes them, one at a time; knows which of them make up the current row."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self._lines = iter(lines)
        self._again: deque[Line] = deque()
        self._row: list[Line] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._lines)
        self._row.append(line)
        if line.is_cut:
            raise csv.Error(TOO_LONG)
        return line.text + "\n"

    def is_blank(self) -> bool:
        return len(self._row) == 1 and not self._row[0].data.strip()

    def spans_lines(self) -> bool:
        return len(self._row) > 1

    def start_row(self) -> int:
        """Finish the current row; return the number of the line it started on."""
        first = self._row[0].number
        self._row.clear()
        return first

    def give_up(self, reason: str) -> BadRow:
        """Make a bad row of the current row's first line; the others, if any, will be read again."""
        first, *others = self._row
        self._again.extendleft(reversed(others))
        self._row.clear()
        return BadRow(first.number, reason)


def _reason(error: csv.Error, *, spans_lines: bool) -> str:
    text = str(error)
    if spans_lines or text == "unexpected end of data":
        return "a quoted value is never closed"
    return text.partition(" - ")[0]  # the rest is advice to programmers

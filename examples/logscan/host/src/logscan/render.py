"""Reports, small histograms and tables as text of 80 columns.

Log files contain text from strangers. Characters that could move the cursor, change colours or reorder text
never reach the terminal.
"""

from __future__ import annotations

import math
import textwrap
from typing import TYPE_CHECKING, Final

import click

from logscan.contract import LEVELS
from logscan.source import title

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from logscan.contract import Level
    from logscan.formats import Format
    from logscan.report import Report

WIDTH: Final = 80
_LABEL: Final = 12
_LEVEL_WIDTH: Final = max(map(len, LEVELS))
_COLOURS: Final[dict[Level, str]] = {"critical": "magenta", "error": "red", "warning": "yellow"}
BLOCKS: Final = " ▁▂▃▄▅▆▇█"
ASCII_BLOCKS: Final = " .:#"
"""For terminals and files whose encoding has no `BLOCKS`."""

_UNITS: Final = ((604800, "wk"), (86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def printable(text: str) -> str:
    r"""Return `text` with every character that is not printable as its escape: `\n`, `\x1b`, `\u202e`."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def report_text(report: Report, *, blocks: str = BLOCKS) -> str:
    """Lay out one report; `blocks` are the characters from empty to full; `click.echo` can strip the colours."""
    return "\n".join(_report_lines(report, blocks))


def formats_text(formats: Sequence[Format]) -> str:
    """Lay out the formats as a table."""
    rows = [("name", "distribution", "version", "description")]
    rows += [(each.name, each.distribution, each.version, each.description) for each in formats]
    cells = [[printable(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in cells) for column in range(3)]
    return "\n".join(_cut("  ".join((*map(str.ljust, row[:3], widths), row[3])), WIDTH).rstrip() for row in cells)


def _report_lines(report: Report, blocks: str) -> Iterator[str]:
    yield click.style(printable(title(report.file)), bold=True)
    yield _labelled("format", report.format or "none: the file is empty")
    yield _labelled("records", str(report.records))
    yield _labelled("time", _span(report.first, report.last))
    yield from _levels(report)
    yield from _fields(report)
    yield from _top_messages(report)
    yield from _histogram(report, blocks)
    yield from _faults(report)


def _labelled(label: str, value: str) -> str:
    return f"  {label:{_LABEL - 2}}{value}"


def _fields(report: Report) -> Iterator[str]:
    # A name and its count stay on one line. NUL is not white space to `textwrap`, and no printable name holds one.
    glued = [f"{printable(name)} {count}".replace(" ", "\0") for name, count in report.fields.items()]
    lines = textwrap.wrap(", ".join(glued), WIDTH - _LABEL, break_on_hyphens=False)
    for number, line in enumerate(lines):
        yield _labelled("" if number else "fields", line.replace("\0", " "))


def _span(first: datetime | None, last: datetime | None) -> str:
    if first is None or last is None:
        return "none"
    start, end = first.strftime("%Y-%m-%d %H:%M:%S"), last.strftime("%Y-%m-%d %H:%M:%S")
    return f"{start} UTC" if start == end else f"{start} to {end} UTC"


def _levels(report: Report) -> Iterator[str]:
    seen = [(level, count) for level, count in report.levels.items() if count]
    for number, (level, count) in enumerate(seen):
        share = f"{100 * count / report.records:5.1f} %"
        yield _labelled("" if number else "levels", f"{_level(level)} {count:>9}  {share}")


def _level(level: Level) -> str:
    return click.style(level.ljust(_LEVEL_WIDTH), fg=_COLOURS.get(level))


def _top_messages(report: Report) -> Iterator[str]:
    if not report.top_messages:
        return
    about = f" (counts may be up to {report.undercount} too low)" if report.undercount else ""
    yield f"  top messages{about}"
    for top in report.top_messages:
        message = printable(top.message) or "(no message)"
        room = WIDTH - _LABEL - _LEVEL_WIDTH - 2
        yield f"{top.count:>{_LABEL - 2}}  {_level(top.level)}  {_cut(message, room)}"


def _histogram(report: Report, blocks: str) -> Iterator[str]:
    histogram = report.histogram
    if histogram is None or len(histogram.counts) == 1:
        return
    for row in _bars(histogram.counts, blocks, height=3):
        yield _labelled("", row)
    if any(histogram.errors):
        (row,) = _bars(histogram.errors, blocks, height=1)
        yield _labelled("errors", click.style(row, fg=_COLOURS["error"]))
    about = f"{_duration(histogram.width)} each, up to {max(histogram.counts)} records"
    yield _labelled("over time", about + f", errors up to {max(histogram.errors)}" * any(histogram.errors))


def _bars(counts: Sequence[int], blocks: str, *, height: int) -> Iterator[str]:
    """Draw columns in proportion to the counts, from the top row to the bottom; every count above zero is visible."""
    steps = len(blocks) - 1
    levels = [math.ceil(count * height * steps / (max(counts) or 1)) for count in counts]
    for row in reversed(range(height)):
        yield "".join(blocks[min(max(level - row * steps, 0), steps)] for level in levels).rstrip()


def _duration(seconds: int) -> str:
    size, unit = next((size, unit) for size, unit in _UNITS if seconds % size == 0)
    return f"{seconds // size} {unit}"


def _faults(report: Report) -> Iterator[str]:
    if not report.fault_count:
        return
    yield f"  faults: {report.fault_count}"
    for fault in report.faults:
        place = f"line {fault.line}" if fault.line is not None else f"byte {fault.offset}"
        yield f"{place:>{_LABEL - 2}}  {_cut(printable(fault.reason), WIDTH - _LABEL)}"
    if more := report.fault_count - len(report.faults):
        yield f"{'':{_LABEL}}and {more} more"


def _cut(text: str, room: int) -> str:
    return text if len(text) <= room else text[: room - 3] + "..."

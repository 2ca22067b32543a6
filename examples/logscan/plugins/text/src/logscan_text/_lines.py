"""Functions for all formats of this distribution, in which every line is an entry."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Final

from logscan.contract import Fault
from logscan.lines import TOO_LONG, read_lines, whole_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from logscan.contract import Record

_SNIFF_LINES: Final = 50


def share_of_records(head: bytes, read: Callable[[int, str], Record | Fault]) -> float:
    """Return the share of a file's first lines from which `read` makes a record."""
    lines = whole_lines(head)[:_SNIFF_LINES]
    good = sum(not isinstance(read(line.number, line.text), Fault) for line in lines)
    return good / len(lines) if lines else 0.0


def parse_each(stream: BinaryIO, read: Callable[[int, str], Record | Fault]) -> Iterator[Record | Fault]:
    """Yield what `read` makes of every line that is not blank, given its number and its text."""
    for line in read_lines(stream):
        if line.is_cut:
            yield Fault(line=line.number, reason=TOO_LONG)
        elif text := line.text.strip():
            yield read(line.number, text)

"""CSV with a header: logs as spreadsheets and databases export them.

The delimiter is found by the header: it is the one that yields the most column names that logs usually have.
Quoting is that of RFC 4180. `csv.Sniffer` is not used: it takes apostrophes in the text for quotes, and its
patterns can take quadratic time.
"""

from __future__ import annotations

import csv
from itertools import chain, dropwhile
from typing import TYPE_CHECKING, BinaryIO, Final

from logscan.contract import BadLine
from logscan.keyed import LEVEL_KEYS, MESSAGE_KEYS, TIME_KEYS, to_record
from logscan.lines import read_lines, whole_lines

from logscan_csv._rows import BadRow, Row, read_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from logscan.contract import Parser, Record
    from logscan.lines import Line

_DELIMITERS: Final = (",", ";", "\t", "|")
_KNOWN: Final = frozenset({*TIME_KEYS, *LEVEL_KEYS, *MESSAGE_KEYS})
_SNIFF_LINES: Final = 50
_SURE: Final = 0.9  # A header and even columns are less of a proof than, say, JSON on every line.


class Csv:
    """CSV with a header of column names.

    The first row is the header if it holds a usual name of a time, level or message (`logscan.keyed`); if it
    does not, the columns are called column1, column2 and so on. A quoted value may span lines; a row is on
    the line where it starts. A row with too few or too many columns is a bad line, and so is one with a quote
    that is never closed.
    """

    name = "csv"

    def sniff(self, head: bytes) -> float:
        """Return a little less than the share of good rows; 0 if the header has no two usual names."""
        rows = list(_rows(whole_lines(head)[:_SNIFF_LINES]))
        if not rows or isinstance(rows[0], BadRow) or _usual_names(rows[0].values) < 2:
            return 0.0
        return _SURE * sum(isinstance(row, Row) for row in rows) / len(rows)

    def parse(self, stream: BinaryIO) -> Iterator[Record | BadLine]:
        """Yield one record, or one bad line, for every row below the header."""
        columns: list[str] = []
        for row in _rows(read_lines(stream)):
            if isinstance(row, BadRow):
                yield BadLine(line=row.line, reason=row.reason)
            elif not columns and _usual_names(row.values):
                columns = [name.strip() for name in row.values]
            else:
                columns = columns or [f"column{number}" for number in range(1, len(row.values) + 1)]
                yield to_record(dict(zip(columns, row.values, strict=True)), line=row.line)


def _rows(lines: Iterable[Line]) -> Iterator[Row | BadRow]:
    """Read rows with the delimiter that suits the first line that is not blank."""
    rest = dropwhile(lambda line: not line.data.strip(), lines)
    first = next(rest, None)
    if first is None:
        return iter(())
    return read_rows(chain((first,), rest), delimiter=_delimiter(first.text))


def _delimiter(header: str) -> str:
    def fitness(delimiter: str) -> tuple[int, int]:
        try:
            names = next(csv.reader([header], delimiter=delimiter), [])
        except csv.Error:
            names = []
        return _usual_names(names), len(names)

    return max(_DELIMITERS, key=fitness)


def _usual_names(names: list[str]) -> int:
    return sum(name.strip().lower() in _KNOWN for name in names)


if TYPE_CHECKING:
    _keeps_contract: Parser = Csv()

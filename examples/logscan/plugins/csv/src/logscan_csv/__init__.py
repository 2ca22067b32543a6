"""CSV: logs as spreadsheets and databases export them, in any dialect."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, BinaryIO, Final

from logscan.contract import Fault
from logscan.keyed import to_record
from logscan.lines import read_lines, whole_lines

from logscan_csv._rows import BadRow, read_rows
from logscan_csv._table import find_table, first_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from logscan.contract import Parser, Record

_SURE: Final = 0.9  # A header and even columns are weaker evidence than, say, JSON on every line.


class Csv:
    """CSV in any dialect, with or without a header.

    Delimiter, quotes and header are found in the first lines. If the header has none of the names that logs
    usually have (`logscan.keyed`), the columns of time and level are recognised by their values; without a
    header, the columns are called column1, column2 and so on. Lines above the header are not part of the
    table. A quoted value may span lines; a row is on the line where it starts. A row with too few or too many
    columns is a fault, and so is one with a quote that is never closed.
    """

    name = "csv"

    def sniff(self, head: bytes) -> float:
        """Return a little less than the share of good rows; 0 if no column is recognised."""
        table = find_table(first_lines(iter(whole_lines(head))))
        return _SURE * table.share if table.known_columns > 1 else 0.0

    def parse(self, stream: BinaryIO) -> Iterator[Record | Fault]:
        """Yield one record, or one fault, for every row below the header."""
        lines = read_lines(stream)
        head = first_lines(lines)
        table = find_table(head)
        for row in read_rows(chain(head, lines), dialect=table.dialect, width=table.width):
            if row.line <= table.starts_after:
                continue
            if isinstance(row, BadRow):
                yield Fault(line=row.line, reason=row.reason)
            else:
                yield to_record(table.named(row.values), line=row.line)


if TYPE_CHECKING:
    _keeps_contract: Parser = Csv()

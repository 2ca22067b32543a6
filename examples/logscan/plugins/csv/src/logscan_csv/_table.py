"""Finds the dialect, the width and the header of a table in its first lines.

Every possible dialect is tried on the first lines. The best is the one that yields the most column
names that logs usually have, then the evenest rows. `csv.Sniffer` is not used: it takes apostrophes in the
text for quotes, and its patterns can take quadratic time.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Final

from logscan.keyed import LEVEL_KEYS, MESSAGE_KEYS, TIME_KEYS
from logscan.levels import parse_level
from logscan.times import parse_time

from logscan_csv._rows import Dialect, Row, read_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from logscan.lines import Line

_COMMON_DELIMITERS: Final = ",;\t|"
_RARE_DELIMITERS: Final = ":^~!#%&*=+@$? \x01\x1f"
_KNOWN: Final = frozenset({*TIME_KEYS, *LEVEL_KEYS, *MESSAGE_KEYS})
_MAX_LINES: Final = 50
_MAX_BYTES: Final = 64 * 1024
_NUMBER: Final = re.compile(r"\s*[+-]?[\d.,]+\s*", re.ASCII)
_EXCEL_HINT: Final = re.compile(rf"sep=([{re.escape(_COMMON_DELIMITERS + _RARE_DELIMITERS)}])", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table's properties. Rows up to the line `starts_after` are not part of it; `share` of the others are good.

    `known_columns` is how many columns have a usual name, or values of a known kind.
    """

    dialect: Dialect
    columns: tuple[str, ...]
    starts_after: int
    known_columns: int
    share: float

    @property
    def width(self) -> int:
        """The number of columns."""
        return len(self.columns)

    def named(self, values: Sequence[str]) -> dict[str, str]:
        """Return the values of a row by the names of their columns."""
        return dict(zip(self.columns or _numbered(len(values)), values, strict=True))


def first_lines(lines: Iterator[Line]) -> list[Line]:
    """Take enough lines to find the table, but no more than may be kept in memory."""
    taken: list[Line] = []
    room = _MAX_BYTES
    while len(taken) < _MAX_LINES and room > 0 and (line := next(lines, None)) is not None:
        taken.append(line)
        room -= len(line.data)
    return taken


def find_table(lines: Sequence[Line]) -> Table:
    """Return the table that fits best to `lines`, the first lines of a file."""
    lines = [line for line in lines if line.data.strip()]
    hint = _EXCEL_HINT.fullmatch(lines[0].text) if lines else None
    if hint is not None:
        dialects = _dialects(lines[1:], hint[1])
        return max((_read_table(lines[1:], each, after=lines[0].number) for each in dialects), key=_merit)
    return max((_read_table(lines, each, after=0) for each in _dialects(lines, None)), key=_merit)


def _dialects(lines: Sequence[Line], delimiter: str | None) -> list[Dialect]:
    """Return every dialect whose characters occur, the likeliest first."""
    data = b"\n".join(line.data for line in lines)
    rare = (each for each in _RARE_DELIMITERS if 2 * sum(each.encode() in line.data for line in lines) > len(lines))
    delimiters = delimiter or _COMMON_DELIMITERS + "".join(rare)
    quotes = '"' + "'" * (b"'" in data)
    escapes = (None, "\\") if b"\\" in data else (None,)
    return [
        Dialect(delimiter=each, quote=quote, escape=escape)
        for each, quote, escape in product(delimiters, quotes, escapes)
    ]


def _merit(table: Table) -> tuple[int, float, bool, int]:
    is_common = table.dialect.delimiter in _COMMON_DELIMITERS
    wrapped = sum(len(name) > 1 and name[0] == name[-1] and name[0] in "'\"" for name in table.columns)
    return table.known_columns, table.share, is_common, table.width - wrapped


def _read_table(lines: Sequence[Line], dialect: Dialect, *, after: int) -> Table:
    items = list(read_rows(lines, dialect=dialect, width=0))
    rows = [item for item in items if isinstance(item, Row)]
    widths = Counter(len(row.values) for row in rows)
    width = widths.most_common(1)[0][0] if widths else 0
    rows = [row for row in rows if len(row.values) == width]
    columns = _numbered(width)
    header = _find_header(rows)
    if header is not None:
        rows = [row for row in rows if row.line > header.line]
        after = header.line
        columns = _named(header.values, rows)
    below = sum(item.line > after for item in items)
    return Table(
        dialect=dialect,
        columns=columns,
        starts_after=after,
        known_columns=_usual_names(columns),
        share=len(rows) / below if below else float(bool(width)),
    )


def _numbered(width: int) -> tuple[str, ...]:
    return tuple(f"column{number}" for number in range(1, width + 1))


def _find_header(rows: Sequence[Row]) -> Row | None:
    """Return the row of names: one with two usual names, or else the first row if it looks like names."""
    named = next((row for row in rows if _usual_names(row.values) > 1), None)
    return named or (rows[0] if rows and _is_header(rows) else None)


def _is_header(rows: Sequence[Row]) -> bool:
    header, *others = (row.values for row in rows)
    if _usual_names(header):
        return True
    if any(_is_value(name) or not name.strip() for name in header) or len(set(header)) < len(header):
        return False
    return any(all(_is_value(row[column]) for row in others) for column in range(len(header))) and bool(others)


def _is_value(text: str) -> bool:
    return _NUMBER.fullmatch(text) is not None or parse_time(text) is not None


def _named(header: Sequence[str], rows: Sequence[Row]) -> tuple[str, ...]:
    """Return unique names of the columns; time and level get a usual name if they have none."""
    names: list[str] = []
    for number, name in enumerate(map(str.strip, header), 1):
        name = name or f"column{number}"  # noqa: PLW2901  # the name it has from here on
        names.append(name if name not in names else f"{name}_{number}")
    _adopt(names, "time", TIME_KEYS, rows, lambda text: parse_time(text) is not None)
    _adopt(names, "level", LEVEL_KEYS, rows, lambda text: text.isalpha() and parse_level(text) != "unknown")
    return tuple(names)


def _adopt(
    names: list[str], usual: str, keys: Sequence[str], rows: Sequence[Row], is_one: Callable[[str], bool]
) -> None:
    """Rename the first column whose values all pass `is_one`, unless a column has one of the usual names."""
    if not rows or any(name.lower() in keys for name in names):
        return
    for column in range(len(names)):
        if all(is_one(row.values[column]) for row in rows):
            names[column] = usual
            return


def _usual_names(names: Sequence[str]) -> int:
    return sum(name.strip().lower() in _KNOWN for name in names)

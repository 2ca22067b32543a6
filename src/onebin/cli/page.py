"""Format lines of text: labelled, wrapped, aligned in at most 80 columns; styled on a terminal, plain in a pipe."""

from __future__ import annotations

import re
import shutil
import sys
import textwrap
from typing import TYPE_CHECKING

import click

from onebin.cli.report import bound, emit, for_terminal, plain
from onebin.system import visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_WIDEST = 80
_LABEL = 13
_LEAST = 20  # columns for text that is wrapped
_STYLE = re.compile(r"(\x1b\[\d+m)")


def width() -> int:
    """Return how many columns a line may have: as many as the terminal has, but at most 80; 80 in a pipe."""
    columns = (
        shutil.get_terminal_size((_WIDEST, 24)).columns if sys.stdout is not None and sys.stdout.isatty() else _WIDEST
    )
    return max(min(columns, _WIDEST), 40)


def heading(text: str) -> str:
    """Return a line that is bold on a terminal."""
    return click.style(one_line(text), bold=True)


def faint(text: str) -> str:
    """Return a line that is dim on a terminal."""
    return click.style(one_line(text), dim=True)


def one_line(text: str) -> str:
    """Return text from a file so that `show` keeps it on one line."""
    return visible(text)


def field(label: str, text: str, *, indent: int = 2) -> str:
    """Return a label and its text, wrapped below where it starts."""
    return wrapped(f"{' ' * indent}{label:<{_LABEL}}", text)


def wrapped(start: str, text: str) -> str:
    """Return text after the start of its first line, wrapped below where it begins; long words are not broken."""
    start = one_line(start)
    if len(start) > width() - _LEAST:  # no room beside it
        return f"{start.rstrip()}\n{wrapped(' ' * 6, text)}"
    lines = _wrap(plain(text, one_line=True), width() - len(start))
    return "\n".join([start + lines[0], *(" " * len(start) + line for line in lines[1:])]) if lines else start.rstrip()


def _wrap(text: str, columns: int, *, indent: str = "") -> list[str]:
    """Return the lines of a text; neither long words nor numbers with their units are broken."""
    lines = textwrap.wrap(
        bound(text), columns, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
    return [plain(line, one_line=True) for line in lines]


def table(rows: Iterable[Sequence[str]], *, indent: int = 2) -> list[str]:
    """Return rows as aligned columns; the last one is wrapped."""
    kept = [tuple(one_line(cell) for cell in row) for row in rows]
    if not kept:
        return []
    widths = [max(len(row[column]) for row in kept) for column in range(len(kept[0]) - 1)]
    starts = ["".join(f"{cell:<{wide}}  " for cell, wide in zip(row, widths, strict=False)) for row in kept]
    return [wrapped(" " * indent + start, row[-1]) for start, row in zip(starts, kept, strict=True)]


def records(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a table with titles; where its last column has no room, each row as fields below its first cell."""
    wide = sum(max(map(len, cells)) + 2 for cells in [*zip(titles, *rows, strict=True)][:-1])
    if wide <= width() - _LEAST:
        return table([titles, *rows], indent=0)
    lines = []
    for first, *cells in rows:
        lines.append(heading(first))
        lines += [field(title.strip(), cell.strip()) for title, cell in zip(titles[1:], cells, strict=True) if cell]
    return lines


def guided(rows: Sequence[tuple[int, str]]) -> list[str]:
    """Return texts with guides that show what belongs together; they come with their depths, in the order of a tree."""
    are_last: list[bool] = []
    followed: set[int] = set()  # depths at which another row follows below the same parent
    for depth, _ in reversed(rows):
        are_last.append(depth not in followed)
        followed = {each for each in followed if each < depth} | {depth}
    branch, corner, line = ("├── ", "└── ", "│   ") if _can_print("├└─│") else ("|-- ", "`-- ", "|   ")
    guides: list[str] = []  # of the rows around the current one
    lines = []
    for (depth, text), is_last in zip(rows, reversed(are_last), strict=True):
        del guides[max(depth - 1, 0) :]
        around = "".join(guides)
        guides += [] if depth == 0 else ["    " if is_last else line]
        start = "" if depth == 0 else corner if is_last else branch
        room = max(width() - len(around + start), 20)
        first, *rest = _wrap(one_line(text), room, indent="  ") or [""]
        lines += [around + start + first, *("".join(guides) + each for each in rest)]
    return lines


def _can_print(text: str) -> bool:
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def show(lines: Iterable[str], *, as_it_is: bool = False) -> None:
    """Print lines, as `plain` returns them except for the styles of `heading` and `faint`.

    On a terminal, they are folded between words unless they are to be shown `as_it_is`.
    """
    parts = _STYLE.split("\n".join(lines))
    text = "".join(part if place % 2 else plain(part) for place, part in enumerate(parts))
    emit(text if as_it_is else for_terminal(text))

"""Format lines of text: labelled, wrapped, aligned in at most 80 columns; styled on a terminal, plain in a pipe."""

from __future__ import annotations

import shutil
import sys
import textwrap
from typing import TYPE_CHECKING

import click

from onebin.cli.report import echo, plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_WIDEST = 80
_LABEL = 13


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
    """Return text from a file so that it is safe to show: without control characters, on one line."""
    return plain(text).replace("\n", "?").replace("\t", "?")


def field(label: str, text: str, *, indent: int = 2) -> str:
    """Return a label and its text, wrapped below where it starts."""
    return wrapped(f"{' ' * indent}{label:<{_LABEL}}", text)


def wrapped(start: str, text: str) -> str:
    """Return text after the start of its first line, wrapped below where it begins; long words are not broken."""
    start = one_line(start)
    if len(start) > width() - 20:  # no room beside it
        return f"{start.rstrip()}\n{wrapped(' ' * 6, text)}"
    lines = textwrap.wrap(one_line(text), width() - len(start), break_long_words=False, break_on_hyphens=False)
    return "\n".join([start + lines[0], *(" " * len(start) + line for line in lines[1:])]) if lines else start.rstrip()


def table(rows: Iterable[Sequence[str]], *, indent: int = 2) -> list[str]:
    """Return rows as aligned columns; the last one is wrapped."""
    kept = [tuple(map(one_line, row)) for row in rows]
    if not kept:
        return []
    widths = [max(len(row[column]) for row in kept) for column in range(len(kept[0]) - 1)]
    starts = ["".join(f"{cell:<{wide}}  " for cell, wide in zip(row, widths, strict=False)) for row in kept]
    return [wrapped(" " * indent + start, row[-1]) for start, row in zip(starts, kept, strict=True)]


def show(lines: Iterable[str], *, as_it_is: bool = False) -> None:
    """Print lines; on a terminal they are folded between words unless they are to be shown `as_it_is`."""
    echo("\n".join(lines), as_it_is=as_it_is)

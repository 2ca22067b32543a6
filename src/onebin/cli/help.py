"""Help on terminals that are narrower than click's help: in as many columns as there are."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterable

_NARROW = 52  # columns below which click's help does not fit


def width() -> int | None:
    """Return the columns of a narrow terminal; None if click's own choice is right."""
    columns = shutil.get_terminal_size().columns
    return columns if columns < _NARROW else None


class _Formatter(click.HelpFormatter):
    """A formatter whose first column is a third of a narrow terminal, not thirty columns."""

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        super().write_dl(rows, self.width // 3 if self.width < _NARROW else col_max, col_spacing)


class Context(click.Context):
    """The context of every command."""

    formatter_class = _Formatter

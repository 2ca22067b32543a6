"""A progress bar on the standard error stream, if that is a terminal and reading takes more than a moment."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.progress import Progress, TaskID

_MOMENT: Final = 0.5
"""Seconds without a bar: most files are read by then, and `rich` need not be imported for them."""


@contextmanager
def progress_bar(title: str) -> Iterator[ProgressBar]:
    """Provide a bar that shows how much has been read, and remove it at the end."""
    bar = ProgressBar(title)
    try:
        yield bar
    finally:
        bar.close()


class ProgressBar:
    """Shows how much of one file has been read."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._due = time.monotonic() + _MOMENT if sys.stderr.isatty() else None
        self._shown: tuple[Progress, TaskID] | None = None
        self._read = 0

    def advance(self, count: int, total: int | None) -> None:
        """Add `count` bytes that have been read, of `total` or of an unknown total."""
        self._read += count
        if self._due is not None and time.monotonic() >= self._due:
            self._shown = self._shown or _start(self._title)
            progress, task = self._shown
            progress.update(task, completed=self._read, total=total)

    def close(self) -> None:
        """Remove the bar."""
        if self._shown is not None:
            self._shown[0].stop()


def _start(title: str) -> tuple[Progress, TaskID]:
    from rich.console import Console  # noqa: PLC0415  # `rich` takes longer to import than most files to read
    from rich.markup import escape  # noqa: PLC0415  # of `rich`, which is slow to import
    from rich.progress import (  # noqa: PLC0415  # of `rich`, which is slow to import
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (BarColumn(), DownloadColumn(binary_units=True), TransferSpeedColumn(), TimeRemainingColumn())
    progress = Progress(
        TextColumn("{task.description}"), *columns, console=Console(stderr=True), transient=True, redirect_stdout=False
    )
    progress.start()
    return progress, progress.add_task(escape(title), total=None)

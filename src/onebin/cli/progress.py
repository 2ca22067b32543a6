"""Draw a build's events: live with elapsed time on a terminal, plain lines in a pipe, nothing when quiet.

Everything goes to standard error; standard output is for results.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

import onebin
from onebin.system import redact

if TYPE_CHECKING:
    from onebin import Event, StepFinished


class Progress:
    """Shows events as they come; used as a context manager, it also clears what is live when a step fails."""

    def __init__(self, *, quiet: bool = False, verbose: bool = False) -> None:
        self._quiet, self._verbose = quiet, verbose
        self._console = Console(file=sys.stderr, highlight=False, soft_wrap=True)
        self._live: Live | None = None

    def __enter__(self) -> Self:
        """Begin to show events."""
        return self

    def __exit__(self, *_: object) -> None:
        """Clear the line of a step that did not end."""
        self._stop()

    def __call__(self, event: Event) -> None:
        """Show one event."""
        if self._quiet:
            return
        match event:
            case onebin.StepStarted(step=name):
                self._start(name)
            case onebin.StepFinished():
                self._stop()
                self._finished(event)
            case onebin.Note(text=text):
                self._console.print(Text.assemble(("note: ", "bold yellow"), redact(text)))
            case onebin.Detail(text=text):
                self._console.print(Text(f"  {redact(text)}"))
            case onebin.Output(line=line) if self._verbose:
                self._console.print(Text(f"  | {redact(line)}", style="dim"))

    def _start(self, step: str) -> None:
        if self._console.is_terminal and not self._verbose:
            self._stop()
            self._live = Live(_Running(step), console=self._console, transient=True, refresh_per_second=10)
            self._live.start()

    def _stop(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _finished(self, event: StepFinished) -> None:
        if self._console.is_terminal:
            mark = "✓ " if _is_unicode(self._console) else "+ "
            seconds = (f"  {event.seconds:.1f} s", "dim")
            self._console.print(Text.assemble((mark, "green"), f"{event.step:<9} ", event.outcome, seconds))
        else:
            self._console.print(Text(f"{event.step}: {event.outcome} ({event.seconds:.1f} s)"))


class _Running:
    """A spinner beside a step's name and the seconds since it began; each refresh draws it again."""

    def __init__(self, step: str) -> None:
        self._step = step
        self._started = time.monotonic()
        self._spinner = Spinner("dots" if _is_unicode(Console(stderr=True)) else "line")

    def __rich__(self) -> Table:
        row = Table.grid(padding=(0, 1))
        seconds = Text(f"{time.monotonic() - self._started:.0f} s", style="dim")
        row.add_row(self._spinner, f"{self._step:<8}", seconds)
        return row


def _is_unicode(console: Console) -> bool:
    return console.encoding.lower().startswith("utf")

"""Progress as named steps: live with elapsed time on a terminal, plain lines in a pipe, nothing when quiet.

Everything goes to standard error; standard output belongs to results.
"""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from onebin.system import redact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass
class Step:
    """One named step; `outcome` says in a few words what came of it."""

    title: str
    outcome: str = ""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Where steps are shown, and how much of them."""

    quiet: bool = False
    verbose: bool = False
    console: Console = field(default_factory=lambda: Console(file=sys.stderr, highlight=False, soft_wrap=True))

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Show a step while the block runs, and its outcome and seconds when it ends well."""
        step = Step(title)
        started = time.monotonic()
        if self.quiet or self.verbose or not self.console.is_terminal:
            yield step
        else:
            with Live(_Running(step, started), console=self.console, transient=True, refresh_per_second=10):
                yield step
        if not self.quiet:
            self._show(step, time.monotonic() - started)

    @property
    def echo(self) -> Callable[[str], None] | None:
        """Where the lines of a tool go: to the console when verbose."""
        return self._echo if self.verbose else None

    def note(self, line: str) -> None:
        """Show a line that people should read but that stops nothing."""
        if not self.quiet:
            self.console.print(Text.assemble(("note: ", "bold yellow"), redact(line)))

    def detail(self, line: str) -> None:
        """Show a line that belongs to the step before."""
        if not self.quiet:
            self.console.print(Text(f"  {redact(line)}"))

    def _echo(self, line: str) -> None:
        self.console.print(Text(f"  | {redact(line)}", style="dim"))

    def _show(self, step: Step, seconds: float) -> None:
        if self.console.is_terminal:
            self.console.print(
                Text.assemble(
                    ("✓ " if _unicode(self.console) else "+ ", "green"),
                    f"{step.title:<9} ",
                    step.outcome,
                    (f"  {seconds:.1f} s", "dim"),
                )
            )
        else:
            self.console.print(Text(f"{step.title}: {step.outcome} ({seconds:.1f} s)"))


class _Running:
    """A spinner beside a step's title and the seconds since it began; drawn anew by each refresh."""

    def __init__(self, step: Step, started: float) -> None:
        self._step = step
        self._started = started
        self._spinner = Spinner("dots" if _unicode(Console(stderr=True)) else "line")

    def __rich__(self) -> Table:
        row = Table.grid(padding=(0, 1))
        row.add_row(
            self._spinner,
            f"{self._step.title:<8}",
            Text(f"{time.monotonic() - self._started:.0f} s", style="dim"),
        )
        return row


def _unicode(console: Console) -> bool:
    return console.encoding.lower().startswith("utf")

"""Draw a build's events: live with elapsed time on a terminal, plain lines in a pipe, nothing when quiet.

Everything goes to standard error; standard output is for results.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Self

from rich.console import Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

import onebin
from onebin.cli.cells import Cells, shortened
from onebin.cli.report import error_console, plain, print_folded
from onebin.system import megabytes

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from onebin import CellAdvanced, CellFinished, CellsQueued, Event, StepAdvanced, StepFinished

_PATIENCE = 10.0  # seconds between two lines about the same step in a pipe
_SLOW = 1.0  # seconds after which a step is named
_LOOK = 0.2  # seconds between two looks at the cells that run
_MOST_DOING = 60  # characters of a line in a pipe for what a step does
_STEP = 9  # columns of the name of a step
_NARROW = 60  # columns below which there is no bar
_BAR = 20
_AROUND = 20  # columns of a line around what a step does: spinner, name, seconds, gaps


class Progress:
    """Shows events as they come; used as a context manager, it also clears what is live when a step fails.

    With `only_slow`, nothing stays but the lines of steps that took over a second.
    """

    def __init__(self, *, quiet: bool = False, verbose: bool = False, only_slow: bool = False) -> None:
        self._quiet, self._verbose, self._only_slow = quiet, verbose, only_slow
        self._console = error_console()
        self._running: _Running | None = None
        self._cells = Cells(total=0)

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
                self._stop()
                self._running = (_Live if self._is_live else _Lines)(name, self._console)
            case onebin.StepAdvanced():
                if self._running is not None:
                    self._running.tell(event)
            case onebin.CellsQueued() | onebin.CellAdvanced() | onebin.CellFinished():
                self._show_cell(event)
            case onebin.StepFinished():
                self._stop()
                self._finished(event)
            case onebin.Note(text=text) if not self._only_slow:
                print_folded(self._console, Text.assemble(("note: ", "bold yellow"), plain(text)))
            case onebin.Detail(text=text) if not self._only_slow:
                print_folded(self._console, Text(f"  {plain(text)}"))
            case onebin.Output(line=line) if self._verbose:
                print_folded(self._console, Text(f"  | {plain(line, one_line=True)}", style="dim"))

    def begin(self, what: str) -> None:
        """Show what the following steps are for, if there are several such things."""
        if not self._quiet:
            self._stop()
            print_folded(self._console, Text(f"{plain(what)}:", style="bold"))

    def close(self, what: str, rest: str) -> None:
        """Show the last line: what was made, and what else there is to say of it."""
        if not self._quiet:
            self._stop()
            print_folded(self._console, Text.assemble((plain(what), "bold"), plain(rest)))

    @property
    def _is_live(self) -> bool:
        return self._console.is_terminal and not self._console.is_dumb_terminal and not self._verbose

    def _show_cell(self, event: CellsQueued | CellAdvanced | CellFinished) -> None:
        match event:
            case onebin.CellsQueued(step=name, cells=total):
                self._stop()
                cells = self._cells = Cells(total=total)
                self._running = (_LiveCells if self._is_live else _CellLines)(name, self._console, cells)
            case onebin.CellAdvanced():
                if self._cells.advance(event) and not self._is_live:
                    self._tell_of(event.cell, event.doing)
            case onebin.CellFinished():
                self._cells.finish(event)
                self._tell_of(
                    event.cell, event.outcome, style="" if event.status in {"built", "stored"} else "bold red"
                )

    def _tell_of(self, cell: str, text: str, *, style: str = "") -> None:
        named = (plain(cell, one_line=True), style)
        print_folded(self._console, Text.assemble("  ", named, f": {plain(text, one_line=True)}"))

    def _stop(self) -> None:
        if self._running is not None:
            self._running.stop()
            self._running = None

    def _finished(self, event: StepFinished) -> None:
        if self._only_slow and event.seconds <= _SLOW:
            return
        outcome = plain(event.outcome, one_line=True)
        if self._console.is_terminal:
            mark = "✓ " if _is_unicode(self._console) else "+ "
            seconds = (f"  {event.seconds:.1f} s", "dim")
            start = f"{event.step:<{_STEP}} "
            below = len(mark + start) if self._console.width >= _NARROW else None
            print_folded(self._console, Text.assemble((mark, "green"), start, outcome, seconds), below=below)
        else:
            print_folded(self._console, Text(f"{event.step}: {outcome} ({event.seconds:.1f} s)"))


class _Running:
    """A step that runs, and what it said last of what it does."""

    def __init__(self, step: str) -> None:
        self.now: StepAdvanced | None = None
        self._step = step
        self._started = time.monotonic()

    def tell(self, event: StepAdvanced) -> None:
        """Take what it does now."""
        self.now = event

    def stop(self) -> None:
        """Show no more of it."""

    @property
    def _seconds(self) -> float:
        return time.monotonic() - self._started


class _Live(_Running):
    """A spinner beside the step's name and what it does, a bar if it is known how far, and the seconds it took."""

    def __init__(self, step: str, console: Console) -> None:
        super().__init__(step)
        self._console = console
        self._spinner = Spinner("dots" if _is_unicode(console) else "line")
        self._live = Live(self, console=console, transient=True, refresh_per_second=10)
        self._live.start()

    def stop(self) -> None:
        self._live.stop()

    def __rich__(self) -> RenderableType:
        row = Table.grid(padding=(0, 1))
        now = self.now
        cells: list[Spinner | Text | ProgressBar] = [self._spinner, Text(f"{self._step:<{_STEP}}")]
        if now is not None and now.doing:
            cells.append(Text(plain(now.doing, one_line=True), overflow="ellipsis", no_wrap=True))
        if now is not None and now.done is not None and now.total:
            if self._console.width >= _NARROW:
                cells.append(ProgressBar(total=now.total, completed=now.done, width=_BAR))
            cells.append(Text(_share(now.done, now.total)))
        row.add_row(*cells, Text(f"{self._seconds:.0f} s", style="dim"))
        return row


class _Lines(_Running):
    """A line after a second, and then each ten, for logs: which step runs, what it does, and for how long.

    That it waits for another process is said at once, because it may wait for long.
    """

    def __init__(self, step: str, console: Console) -> None:
        super().__init__(step)
        self._console = console
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._print, daemon=True)
        self._thread.start()

    def tell(self, event: StepAdvanced) -> None:
        super().tell(event)
        if event.is_waiting:
            print_folded(self._console, Text(f"{self._step}: {plain(event.doing, one_line=True)}"))

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()

    def _print(self) -> None:
        pause = min(_SLOW, _PATIENCE)
        while not self._ended.wait(pause):
            now = self.now
            parts = [f"{self._step}: running for {self._seconds:.0f} s"]
            if now is not None and now.doing:
                parts.append(shortened(plain(now.doing, one_line=True), _MOST_DOING))
            if now is not None and now.done is not None and now.total:
                parts.append(_share(now.done, now.total))
            print_folded(self._console, Text(", ".join(parts)))
            pause = _PATIENCE


class _LiveCells(_Live):
    """A row for each cell that is being built, and below them how many there are."""

    def __init__(self, step: str, console: Console, cells: Cells) -> None:
        self._cells = cells
        super().__init__(step, console)

    def __rich__(self) -> RenderableType:
        size = self._console.size
        summary = self._cells.summary(size.width - _AROUND)
        self.now = onebin.StepAdvanced(step=self._step, doing=summary)
        return Group(*self._cells.lines(size.width, size.height), super().__rich__())


class _CellLines(_Lines):
    """A line for each step of a cell that takes over a second; each ten seconds, how many cells there are and run."""

    def __init__(self, step: str, console: Console, cells: Cells) -> None:
        self._cells = cells
        super().__init__(step, console)

    def _print(self) -> None:
        due = time.monotonic() + _PATIENCE
        while not self._ended.wait(_LOOK):
            lines = self._cells.slow_steps(_SLOW)
            if time.monotonic() >= due:
                due += _PATIENCE
                summary = f"{self._step}: running for {self._seconds:.0f} s, {self._cells.summary()}"
                lines += [summary, *self._cells.named(_MOST_DOING)]
            for line in lines:
                print_folded(self._console, Text(line))


def _share(done: int, total: int) -> str:
    return f"{megabytes(done)} of {megabytes(total)}"


def _is_unicode(console: Console) -> bool:
    return console.encoding.lower().startswith("utf")

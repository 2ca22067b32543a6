"""What is known of the cells that are being built, as events: engines tell it, from whatever thread."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from onebin.pipeline import CellAdvanced, CellFinished, CellsQueued, Detail, StepAdvanced

if TYPE_CHECKING:
    from onebin.farm.jobs import Doing
    from onebin.farm.results import Status
    from onebin.pipeline import Events


@dataclass(kw_only=True)
class Board:
    """Emits what is done for cells, one event at a time; of a cell that has ended, nothing comes any more."""

    events: Events
    step: str
    _ended: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def prepare(self, doing: str) -> None:
        """Say what is awaited before the first cell can be built."""
        with self._lock:
            self.events(StepAdvanced(step=self.step, doing=doing, is_waiting=True))

    def queue(self, cells: int) -> None:
        """Say how many cells are to be built."""
        with self._lock:
            self.events(CellsQueued(step=self.step, cells=cells))

    def tell(self, cell: str, doing: Doing | None) -> None:
        """Take what is done for a cell; None if it waits to be built again."""
        with self._lock:
            if cell in self._ended:
                return
            if doing is None:
                self.events(CellAdvanced(cell=cell, step=""))
                return
            self.events(
                CellAdvanced(
                    cell=cell,
                    step=doing.step,
                    doing=doing.doing,
                    worker=doing.worker,
                    is_waiting=doing.is_waiting,
                )
            )

    def end(self, cell: str, status: Status, outcome: str) -> None:
        """Take how a cell ended."""
        with self._lock:
            self._ended.add(cell)
            self.events(CellFinished(cell=cell, status=status, outcome=outcome))

    def say(self, text: str) -> None:
        """Say something about the engine."""
        with self._lock:
            self.events(Detail(text=text))

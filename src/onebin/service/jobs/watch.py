"""Whether a build that runs may go on: it is wanted, has time left, and does not need too much memory."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import psutil

if TYPE_CHECKING:
    from onebin.service.jobs.ledger import Ledger
    from onebin.service.settings import ServiceLimits

_LOOK_SECONDS = 1.0

End = Literal["stopping", "unwanted", "late", "large", "garbled"]


@dataclass(kw_only=True)
class Watch:
    """Looks at a build once a second; `end` says why it may not go on, and `peak` is the most memory it had, in bytes.

    `pid` is the process of the build: memory is what it and all processes below it have.
    """

    build: str
    ledger: Ledger
    limits: ServiceLimits
    is_stopping: list[bool]
    pid: int | None = None
    end: End | None = None
    peak: int = 0
    _began: float = field(default_factory=time.monotonic)
    _looked: float = 0.0

    def begin(self, pid: int) -> None:
        """Look at this process from now on."""
        self.pid = pid

    def __call__(self) -> bool:
        """Return whether the build may go on."""
        if self.end is None and self.is_stopping[0]:
            self.end = "stopping"
        now = time.monotonic()
        if self.end is None and now - self._looked >= _LOOK_SECONDS:
            self._looked = now
            self._look(now)
        return self.end is None

    def _look(self, now: float) -> None:
        self.peak = max(self.peak, _memory_below(self.pid) if self.pid is not None else 0)
        if now - self._began > self.limits.seconds:
            self.end = "late"
        elif self.peak > self.limits.memory:
            self.end = "large"
        elif not self.ledger.is_wanted(self.build):
            self.end = "unwanted"


def _memory_below(pid: int) -> int:
    """Return the bytes of memory that a process and all processes below it have for themselves."""
    total = 0
    try:
        root = psutil.Process(pid)
        for process in (root, *root.children(recursive=True)):
            total += _own(process)
    except psutil.Error:
        pass
    return total


def _own(process: psutil.Process) -> int:
    try:
        found = process.memory_info()
    except psutil.Error:  # it has ended meanwhile
        return 0
    return int(found.rss - getattr(found, "shared", 0))

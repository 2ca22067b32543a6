"""Processes that builds leave behind, such as daemons, and what a plugin leaves that kills the process above it.

On Linux, such an orphan comes to the nearest process above it that adopts orphans. The process of a build does, so that
what it leaves counts as its own and ends with it; the service does, for when the process of a build was killed.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import psutil

from onebin.system import not_started_here

if TYPE_CHECKING:
    from collections.abc import Iterable

_PR_SET_CHILD_SUBREAPER = 36  # prctl(2)
_GRACE_SECONDS = 3.0  # for what removes its files before it ends
_KILL_SECONDS = 3.0
_LOOK_SECONDS = 0.05


def adopt_orphans() -> None:
    """Have processes below this one come to it when the process above them ends; only possible on Linux."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def strangers() -> set[int]:
    """Return the children of this process that onebin has not started."""
    own = psutil.Process()
    return set(not_started_here(lambda: [each.pid for each in own.children()]))


def end_orphans(spared: Iterable[int] = ()) -> None:
    """End what has come to this process, and all below that; it has some seconds to end by itself."""
    spared = frozenset(spared)
    if not _are_ended(signal.SIGTERM, _GRACE_SECONDS, spared):
        kill_orphans(spared)


def kill_orphans(spared: Iterable[int] = ()) -> None:
    """End what has come to this process, and all below that, at once."""
    if sys.platform != "win32":
        _are_ended(signal.SIGKILL, _KILL_SECONDS, frozenset(spared))


def _are_ended(number: int, seconds: float, spared: frozenset[int]) -> bool:
    """Send a signal to each orphan, once, until there are none or the time is over; returns whether there are none."""
    end, asked = time.monotonic() + seconds, set[int]()
    while left := [each for pid in strangers() - spared for each in _with_all_below(pid)]:
        for process in left:
            if process.pid not in asked:
                asked.add(process.pid)
                with suppress(psutil.Error):
                    process.send_signal(number)
        if time.monotonic() > end:
            return False
        time.sleep(_LOOK_SECONDS)
    return True


def _with_all_below(pid: int) -> list[psutil.Process]:
    """Return a child of this process and what is below it; nothing if it has ended, and then collect its exit code."""
    with suppress(psutil.Error, ChildProcessError):
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            os.waitpid(pid, os.WNOHANG)
            return []
        return [process, *process.children(recursive=True)]
    return []

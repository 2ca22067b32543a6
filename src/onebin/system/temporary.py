"""Directories for temporary files that do not outlive their build, even if the build was killed.

Each is held by a lock of the operating system (flock) that ends with its process. Creating a new one removes those that
no process holds.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from onebin.errors import OnebinError, os_errors

if TYPE_CHECKING:
    from collections.abc import Iterator

_PREFIX = "onebin-scratch-"
_TRIES, _PAUSE = 20, 0.05  # seconds


@contextmanager
def scratch() -> Iterator[Path]:
    """Yield a new empty directory in the system's directory for temporary files; raises OnebinError."""
    parent = Path(tempfile.gettempdir())
    with os_errors(OnebinError, "create a temporary directory in", parent):
        _sweep(parent)
        directory, handle = _create(parent)
    try:
        yield directory
    finally:
        _remove(directory)
        if handle is not None:
            os.close(handle)


def _remove(directory: Path) -> None:
    """Remove a directory in which programs that were started there may still be cleaning up.

    They exit within a moment. What remains all the same is removed by the next sweep.
    """
    for _ in range(_TRIES):
        shutil.rmtree(directory, ignore_errors=True)
        if not directory.exists():
            return
        time.sleep(_PAUSE)


def _create(parent: Path) -> tuple[Path, int | None]:
    """Create a directory and lock it; try again if the sweep of another process removed it in between."""
    while True:
        directory = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
        with suppress(FileNotFoundError):  # removed before it could be opened
            handle = _lock(directory, wait=True)
            if handle is None or directory.exists():
                return directory, handle
            os.close(handle)


def _sweep(parent: Path) -> None:
    """Remove the directories of processes that have ended."""
    for directory in parent.glob(f"{_PREFIX}*"):
        with suppress(OSError):  # another user's, or removed in the meantime
            handle = _lock(directory, wait=False)
            if handle is not None:
                shutil.rmtree(directory, ignore_errors=True)
                os.close(handle)


def _lock(directory: Path, *, wait: bool) -> int | None:
    """Lock a directory of this user; returns None where such locks do not exist. Raises OSError if it is locked."""
    if sys.platform == "win32":
        return None
    import fcntl  # noqa: PLC0415  # not on Windows

    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        if os.fstat(handle).st_uid != os.geteuid():
            raise PermissionError(directory)
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        os.close(handle)
        raise
    return handle

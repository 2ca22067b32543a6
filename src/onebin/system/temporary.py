"""Directories for temporary files that do not outlive their build, even if the build was killed.

Each is held by a lock of the operating system (flock) that ends with its process. Whoever makes the next one removes
those that nobody holds.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from onebin.errors import OnebinError, os_errors

if TYPE_CHECKING:
    from collections.abc import Iterator

_PREFIX = "onebin-scratch-"


@contextmanager
def scratch() -> Iterator[Path]:
    """Provide an empty directory of one's own below the system's directory for temporary files; raises OnebinError."""
    parent = Path(tempfile.gettempdir())
    with os_errors(OnebinError, "make a temporary directory in", parent):
        _sweep(parent)
        directory, handle = _made(parent)
    try:
        yield directory
    finally:
        # What was started there may end a moment later, and clean up itself: whatever is left is for the next sweep.
        shutil.rmtree(directory, ignore_errors=True)
        if handle is not None:
            os.close(handle)


def _made(parent: Path) -> tuple[Path, int | None]:
    """Make a directory and hold it; one that was swept away between the two is made anew."""
    while True:
        directory = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
        handle = _held(directory, wait=True)
        if handle is None or directory.exists():
            return directory, handle
        os.close(handle)


def _sweep(parent: Path) -> None:
    """Remove the directories whose processes are dead."""
    for directory in parent.glob(f"{_PREFIX}*"):
        with suppress(OSError):  # another user's, or gone meanwhile
            handle = _held(directory, wait=False)
            if handle is not None:
                shutil.rmtree(directory, ignore_errors=True)
                os.close(handle)


def _held(directory: Path, *, wait: bool) -> int | None:
    """Take the lock of a directory of this user; None where there are no such locks. Raises OSError if it is taken."""
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

"""Replace files and folders atomically: readers see the old content or the new, always complete."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


def write_atomic(file: Path, content: str | bytes, *, mode: int | None = None) -> None:
    """Write bytes, or text as UTF-8 with unchanged line endings, via a temporary file next to it; raises OSError.

    After an error, the temporary file is removed. It always has the same name, so one left by a killed process is
    overwritten. Writers of the same file must wait for each other, unless it is acceptable that one of them fails.
    """
    draft = file.with_name(f".{file.name}.partial")
    try:
        draft.unlink(missing_ok=True)  # it could be a symbolic link
        draft.write_bytes(content.encode() if isinstance(content, str) else content)
        if mode is not None:
            draft.chmod(mode)
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)


def exchange(first: Path, second: Path) -> bool:
    """Exchange two paths of one file system atomically (Linux's renameat2); returns False if that is not supported."""
    if sys.platform != "linux":
        return False
    import ctypes  # noqa: PLC0415  # not every command asks, and it is slow to load

    try:
        rename = ctypes.CDLL(None).renameat2
    except (OSError, AttributeError):  # the C library does not have it
        return False
    failed = rename(_AT_FDCWD, os.fsencode(first), _AT_FDCWD, os.fsencode(second), _RENAME_EXCHANGE)
    return bool(failed == 0)

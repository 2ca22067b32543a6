"""Replace files and folders in one move: whoever looks sees the old one or the new one, whole."""

from __future__ import annotations

import ctypes
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


def write_atomic(file: Path, text: str, *, mode: int | None = None) -> None:
    """Write text as UTF-8, line ends as they are, by a draft beside the file; raises OSError, and leaves no draft then.

    The draft has one name, so what a killed process left is written over. Writers of one file have to wait for each
    other, unless it is no loss when one of them fails.
    """
    draft = file.with_name(f".{file.name}.partial")
    try:
        draft.unlink(missing_ok=True)  # it might be a link
        draft.write_bytes(text.encode())
        if mode is not None:
            draft.chmod(mode)
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)


def exchange(first: Path, second: Path) -> bool:
    """Exchange what is at two paths of one file system (Linux's renameat2); false if that cannot be done here."""
    if sys.platform != "linux":
        return False
    try:
        rename = ctypes.CDLL(None).renameat2
    except (OSError, AttributeError):  # a C library without it
        return False
    failed = rename(_AT_FDCWD, os.fsencode(first), _AT_FDCWD, os.fsencode(second), _RENAME_EXCHANGE)
    return bool(failed == 0)

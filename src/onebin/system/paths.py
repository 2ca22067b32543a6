"""Paths: absolute, displayed, measured."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def absolute(path: Path) -> Path:
    """Return a path from the root, without `..`, and with the user's symbolic links as they are."""
    return Path(os.path.abspath(path))  # noqa: PTH100  # resolve() follows links, absolute() keeps ".."


def is_there(path: Path) -> bool:
    """Tell whether anything is at a path; nothing is at one that the system does not take (too long, with a NUL)."""
    try:
        path.stat()
    except (OSError, ValueError):
        return False
    return True


def display(path: Path) -> str:
    """Return a path as short as it can be said: relative to the working directory when it lies below it."""
    try:
        return str(path.relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)


def size_of(path: Path) -> int:
    """Return the bytes of a file, or of all files in a directory; what cannot be looked at does not count."""
    files = [path] if not path.is_dir() else [Path(top) / name for top, _, names in os.walk(path) for name in names]
    total = 0
    for file in files:
        with suppress(OSError):
            total += file.lstat().st_size
    return total

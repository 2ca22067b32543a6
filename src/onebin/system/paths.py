"""Make paths absolute, shorten them for messages, and measure what is at them."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def absolute(path: Path) -> Path:
    """Return an absolute path without `..`, with the user's symbolic links unchanged."""
    return Path(os.path.abspath(path))  # noqa: PTH100  # resolve() follows links, absolute() keeps ".."


def is_there(path: Path) -> bool:
    """Return whether a path exists; an invalid path (too long, or with a NUL) does not."""
    try:
        path.stat()
    except (OSError, ValueError):
        return False
    return True


def display(path: Path) -> str:
    """Return a path for messages: relative to the working directory if it is below it."""
    try:
        return str(path.relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)


def size_of(path: Path) -> int:
    """Return the size of a file, or of all files in a directory, in bytes; unreadable files do not count."""
    files = [path] if not path.is_dir() else [Path(top) / name for top, _, names in os.walk(path) for name in names]
    total = 0
    for file in files:
        with suppress(OSError):
            total += file.lstat().st_size
    return total

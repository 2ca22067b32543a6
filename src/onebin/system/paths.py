"""Make paths absolute, shorten them for messages, measure what is at them, and find what onebin ships."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from onebin.system.wording import visible

if TYPE_CHECKING:
    from collections.abc import Iterator

VERSION_CONTROL = (".git", ".hg", ".svn")
_NEAR = 2


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
    """Return a path for messages: relative to the working directory if it is below it, on one line."""
    try:
        return visible(str(path.relative_to(Path.cwd())))
    except (ValueError, OSError):
        return visible(str(path))


def nearby(path: Path) -> str:
    """Return a path for messages as `display` does, but with ".." if that leads to it within two levels."""
    try:
        relative = Path(os.path.relpath(path))
    except (ValueError, OSError):  # on another Windows drive, or there is no working directory any more
        return display(path)
    return visible(str(relative)) if relative.parts.count("..") <= _NEAR else display(path)


def surrounding(folder: Path) -> Iterator[Path]:
    """Yield a folder and those above it, up to one that another user could change, or anybody: these are not ours."""
    yield folder
    for above in folder.parents:
        if not is_private(above, folder):
            return
        yield above


def is_private(path: Path, like: Path) -> bool:
    """Return whether only this user, root, or the owner of another path can change what is at a path."""
    if sys.platform == "win32":
        return True
    try:
        status = path.stat()
        return status.st_uid in {os.geteuid(), 0, like.stat().st_uid} and not status.st_mode & 0o002
    except OSError:
        return False


def size_of(path: Path) -> int:
    """Return the size of a file, or of all files in a directory, in bytes; unreadable files do not count."""
    found = [path] if not path.is_dir() else [Path(top) / name for top, _, names in os.walk(path) for name in names]
    total = 0
    for file in found:
        with suppress(OSError):
            total += file.lstat().st_size
    return total


def templates_dir() -> Path:
    """Return the directory of the templates: inside the wheel, or at the root of a source checkout."""
    return _shipped("_templates", "templates")


def runtime_dir() -> Path:
    """Return the directory of the runtime's modules, which onebin copies like templates.

    onebin does not import them, so a host's own `onebin-runtime` can be installed in the same environment.
    """
    return _shipped("_runtime", "src/onebin_runtime")


def driver_dir() -> Path:
    """Return the directory of the code that runs under the stage's interpreter during the freeze."""
    return _package() / "freeze" / "driver"


def _shipped(inside: str, in_checkout: str) -> Path:
    shipped = _package() / inside
    return shipped if shipped.is_dir() else Path(__file__).resolve().parents[3] / in_checkout


def _package() -> Path:
    from importlib.resources import files  # noqa: PLC0415  # not every command asks, and it is slow to load

    return Path(str(files("onebin")))

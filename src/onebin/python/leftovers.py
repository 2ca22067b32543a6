"""Leave the folders of local projects as they were before uv built them.

setuptools builds inside of a project: `build` and `*.egg-info` stay there, and uv's lock for that in the directory for
temporary files. What was not there before is removed afterwards, while all such locks are held, so that nothing is
taken from another build of uv. While one of them is in use, the folders stay as they are. On Windows, nothing is
removed: no lock can be held there while its file is removed.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from onebin.system import is_there

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_LOCKS = "uv-setuptools-*.lock"
_INFO = ("*.egg-info", "*/*.egg-info")
_BUILT = ("bdist.", "lib", "scripts-", "temp.")  # how the names in a `build` of setuptools begin
_PATIENCE, _PAUSE = 2.0, 0.05  # seconds


@contextmanager
def left_as_found(projects: Iterable[Path]) -> Iterator[None]:
    """Remove afterwards what setuptools has left in these folders, and uv's locks, unless they were there before."""
    if sys.platform == "win32":
        yield
        return
    folders = [project for project in dict.fromkeys(projects) if project.is_dir()]
    temporary = Path(tempfile.gettempdir())
    before = {*temporary.glob(_LOCKS), *_leftovers(folders)}
    try:
        yield
    finally:
        with ExitStack() as held:
            until = time.monotonic() + (_PATIENCE if folders else 0)
            locks = {file: held.enter_context(_held(file, until)) for file in temporary.glob(_LOCKS)}
            made = [file for file, is_held in locks.items() if is_held]
            for path in {*made, *(_leftovers(folders) if len(made) == len(locks) else ())} - before:
                _remove(path)


def _leftovers(folders: Iterable[Path]) -> Iterator[Path]:
    for folder in folders:
        for pattern in _INFO:
            yield from folder.glob(pattern)
        build = folder / "build"
        with suppress(OSError):
            if all(each.name.startswith(_BUILT) for each in build.iterdir()):
                yield build


def _remove(path: Path) -> None:
    with suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()


@contextmanager
def _held(file: Path, until: float) -> Iterator[bool]:
    """Hold a lock of uv, and yield whether that was possible in time; one that is gone is not needed."""
    try:
        handle = os.open(file, os.O_RDWR | os.O_NOFOLLOW)
    except OSError:
        yield not is_there(file)
        return
    try:
        yield _is_locked(handle, until)
    finally:
        os.close(handle)


def _is_locked(handle: int, until: float) -> bool:
    """Lock an open file, and return whether that was possible in time."""
    import fcntl  # noqa: PLC0415  # not on Windows

    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if time.monotonic() > until:
                return False
            time.sleep(_PAUSE)
        else:
            return True

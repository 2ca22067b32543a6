"""A content-addressed cache of directories that are complete or not there.

An entry is made in a directory beside its place and renamed into it, under a lock of the operating system that ends
with its process. So several builds may want the same entry at once (one makes it, the others wait and use it), and a
build that is killed leaves at most a `.partial` directory, which the next one that needs an entry of its kind removes.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from filelock import FileLock

_PARTIAL = ".partial"


@dataclass(frozen=True)
class Cache:
    """The cache below one directory; entries live at `<directory>/<kind>/<key>`."""

    directory: Path

    def folder(self, kind: str, key: str) -> Path:
        """Return the place of an entry that its user fills and changes over time, whether it is there or not."""
        return self.directory / kind / key

    def log_file(self, name: str) -> Path:
        """Return the log of the last freeze of the bundle with this name."""
        return self.directory / "logs" / f"{name}.freeze.log"

    def find(self, kind: str, key: str) -> Path | None:
        """Return an entry that is complete, or None."""
        entry = self.directory / kind / key
        return entry if entry.is_dir() else None

    def ensure(self, kind: str, key: str, make: Callable[[Path], None]) -> Path:
        """Return the entry, calling `make(empty_directory)` to fill it if it is not there.

        Raises whatever `make` raises, and OSError; nothing of the entry is left then.
        """
        entry = self.directory / kind / key
        if entry.is_dir():
            with suppress(OSError):  # a cache that may only be read
                os.utime(entry)  # used last now
                self._sweep(kind)
            return entry
        with self.lock(kind, key):
            # Whoever held the lock before has finished the entry, or died: what it left is nobody's.
            if entry.is_dir():
                return entry
            self._sweep(kind, held=key)
            partial = Path(tempfile.mkdtemp(prefix=f"{key}.", suffix=_PARTIAL, dir=entry.parent))
            try:
                make(partial)
                partial.replace(entry)
            finally:
                _remove(partial)
        return entry

    def once(self, kind: str, key: str, check: Callable[[], None]) -> None:
        """Call `check`, which raises if something is wrong, unless it has passed before under this key."""
        if self.find(kind, key) is None:
            check()
            with suppress(OSError):  # a cache that may only be read: it is checked again the next time
                self.ensure(kind, key, lambda _: None)

    def _sweep(self, kind: str, *, held: str | None = None) -> None:
        """Remove what dead makers left of this kind, under the lock of its key: one that is held, or must be free.

        A dead maker's children may run on for a while, and make anew what is removed; so every build does this.
        """
        for leftover in (self.directory / kind).glob(f"*{_PARTIAL}"):
            key = leftover.name.split(".", 1)[0]
            if key == held:
                _remove(leftover)
                continue
            with suppress(TimeoutError), self.lock(kind, key, blocking=False):
                _remove(leftover)

    def lock(self, kind: str, key: str, *, blocking: bool = True) -> FileLock:
        """Return the lock for making or removing an entry; raises TimeoutError if it is taken and may not wait."""
        (self.directory / kind).mkdir(parents=True, exist_ok=True)
        return self.guard(f"{kind}-{key}", blocking=blocking)

    def guard(self, name: str, *, blocking: bool = True) -> FileLock:
        """Return a lock between processes that share this cache, by name; raises TimeoutError and OSError."""
        locks = self.directory / "locks"
        locks.mkdir(parents=True, exist_ok=True)
        from filelock import FileLock  # noqa: PLC0415  # commands that only read the cache start faster without it

        return FileLock(locks / f"{name}.lock", blocking=blocking)


def _remove(directory: Path) -> None:
    """Remove a directory that nobody can rely on; one that resists is left for the next time."""
    shutil.rmtree(directory, ignore_errors=True)

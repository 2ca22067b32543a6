"""A content-addressed cache of directories that are complete or not there.

An entry is made in a directory beside its place and renamed into it, under a lock of the operating system that ends
with its process. So several builds may want the same entry at once (one makes it, the others wait and use it), and a
build that is killed leaves at most a `.partial` directory, which the next maker of that entry removes.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_PARTIAL = ".partial"


@dataclass(frozen=True)
class Cache:
    """The cache below one directory; entries live at `<directory>/<kind>/<key>`."""

    directory: Path

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
            return entry
        with self._lock(kind, key):
            # Whoever held the lock before has finished the entry, or died: what it left is nobody's.
            if entry.is_dir():
                return entry
            for leftover in entry.parent.glob(f"{key}.*{_PARTIAL}"):
                _remove(leftover)
            partial = Path(tempfile.mkdtemp(prefix=f"{key}.", suffix=_PARTIAL, dir=entry.parent))
            try:
                make(partial)
                partial.replace(entry)
            finally:
                _remove(partial)
        return entry

    def entries(self) -> Iterator[Path]:
        """Yield every entry and every leftover, of all kinds."""
        if self.directory.is_dir():
            for kind in sorted(path for path in self.directory.iterdir() if path.is_dir()):
                yield from sorted(path for path in kind.iterdir() if path.is_dir())

    def clean(self) -> int:
        """Remove the whole cache but for entries that another build is making now; return the bytes freed."""
        freed = 0
        for path in list(self.entries()):
            key = path.name.split(".", 1)[0]
            try:
                with self._lock(path.parent.name, key, blocking=False):
                    freed += size_of(path)
                    _remove(path)
            except Timeout:
                continue
        for log in (self.directory / "logs").glob("*"):
            log.unlink(missing_ok=True)
        # Lock files stay: they are empty, and removing one that somebody waits for would let two makers in.
        return freed

    def _lock(self, kind: str, key: str, *, blocking: bool = True) -> FileLock:
        locks = self.directory / "locks"
        locks.mkdir(parents=True, exist_ok=True)
        (self.directory / kind).mkdir(parents=True, exist_ok=True)
        return FileLock(locks / f"{kind}-{key}.lock", blocking=blocking)


def _remove(directory: Path) -> None:
    """Remove a directory that nobody can rely on; one that resists is left for the next time."""
    shutil.rmtree(directory, ignore_errors=True)


def size_of(path: Path) -> int:
    """Return the bytes of a file, or of all files in a directory; what cannot be looked at does not count."""
    files = [path] if not path.is_dir() else [Path(top) / name for top, _, names in os.walk(path) for name in names]
    total = 0
    for file in files:
        with suppress(OSError):
            total += file.lstat().st_size
    return total

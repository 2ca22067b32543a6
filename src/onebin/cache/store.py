"""A content-addressed cache of directories that are either complete or absent.

An entry is created in a directory next to its final path and renamed, under a lock of the operating system that ends
with its process. So several builds can need the same entry at once: one creates it, and the others wait and use it. A
build that is killed leaves at most a `.partial` directory; the next build that needs an entry of that kind removes it.

Each entry has a list of its files. If one of them was removed or cut, by hand or by a program that removes old files,
the entry is created again.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from onebin.system import tell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import AbstractContextManager

    from filelock import FileLock

_PATIENCE = 1.0  # seconds of waiting before it is told
_PARTIAL = ".partial"
BUNDLE = ".bundle"  # in an entry: the name of the bundle that it was created for, if it depends on it
_TEXT = "text"  # in an entry that is a text: the text
_COMPLETE = ".complete"  # in an entry: the sizes of its files, and of others that it needs, by path


@dataclass(frozen=True)
class Cache:
    """The cache below one directory; entries are at `<directory>/<kind>/<key>`."""

    directory: Path

    def folder(self, kind: str, key: str) -> Path:
        """Return the path of an entry that its user fills and changes over time, whether it exists or not."""
        return self.directory / kind / key

    def log_file(self, name: str) -> Path:
        """Return the path for the log of the last freeze of the bundle with this name."""
        return self.directory / "logs" / f"{name}.freeze.log"

    def find(self, kind: str, key: str) -> Path | None:
        """Return a complete entry, or None."""
        entry = self.directory / kind / key
        return entry if _is_complete(entry) else None

    def ensure(
        self,
        kind: str,
        key: str,
        make: Callable[[Path], Iterable[Path] | None] | None = None,
        *,
        bundle: str | None = None,
    ) -> Path:
        """Return the entry; if it does not exist or lacks files, call `make(empty_directory)` to create it.

        `make` may return files elsewhere, without which the entry is of no use. Without `make`, it is a directory that
        its users fill. `bundle` is the name of the bundle that it is created for, to be shown. Raises whatever `make`
        raises, and OSError; then nothing of a new entry remains.
        """
        entry = self.directory / kind / key
        is_there = _is_complete if make else Path.is_dir
        if is_there(entry):
            with suppress(OSError):  # the cache is read-only
                os.utime(entry)  # records the last use
                self._sweep(kind)
            return entry
        with self.lock(kind, key):
            # The previous holder of the lock has finished the entry or died, so what is left is not needed.
            if is_there(entry):
                return entry
            self._sweep(kind, held=key)
            partial = Path(tempfile.mkdtemp(prefix=f"{key}.", suffix=_PARTIAL, dir=entry.parent))
            try:
                if make:
                    elsewhere = make(partial) or ()
                    if bundle:
                        (partial / BUNDLE).write_text(bundle, "utf-8")
                    _list_files(partial, elsewhere)
                _put(partial, entry)
            finally:
                _remove(partial)
        return entry

    def once(self, kind: str, key: str, check: Callable[[], None]) -> None:
        """Call `check`, which raises if something is wrong, unless it has succeeded before under this key."""
        if not self.folder(kind, key).is_dir():
            check()
            with suppress(OSError):  # if the cache is read-only, it is checked again the next time
                self.ensure(kind, key)

    def text(self, kind: str, key: str, make: Callable[[], str]) -> str:
        """Return the text that `make` returned under this key; raises whatever `make` raises, and OSError."""

        def write(entry: Path) -> None:
            (entry / _TEXT).write_text(make(), "utf-8")

        return (self.ensure(kind, key, write) / _TEXT).read_text("utf-8")

    def _sweep(self, kind: str, *, held: str | None = None) -> None:
        """Remove leftovers of this kind from dead processes, under the lock of their keys (`held` is locked already).

        Children of a dead process may run on for a while and create again what was removed, so every build does this.
        """
        for leftover in (self.directory / kind).glob(f"*{_PARTIAL}"):
            key = leftover.name.rsplit(".", 2)[0]  # a key may have dots; two parts follow it
            if key == held:
                _remove(leftover)
                continue
            with suppress(TimeoutError), self.lock(kind, key, blocking=False):
                _remove(leftover)

    def lock(self, kind: str, key: str, *, blocking: bool = True) -> AbstractContextManager[None]:
        """Hold the lock for creating or removing an entry; raises TimeoutError if it is taken and not `blocking`."""
        (self.directory / kind).mkdir(parents=True, exist_ok=True)
        return self.guard(f"{kind}-{key}", blocking=blocking)

    @contextmanager
    def guard(self, name: str, *, blocking: bool = True) -> Iterator[None]:
        """Hold a named lock between the processes that share this cache; raises TimeoutError and OSError.

        Whoever waits for it tells for which process.
        """
        locks = self.directory / "locks"
        locks.mkdir(parents=True, exist_ok=True)
        from filelock import FileLock  # noqa: PLC0415  # commands that only read the cache start faster without it

        lock, holder = FileLock(locks / f"{name}.lock", blocking=blocking), locks / f"{name}.pid"
        _acquire(lock, holder, blocking=blocking)
        try:
            with suppress(OSError):
                holder.write_text(f"{os.getpid()}", "utf-8")
            yield
        finally:
            with suppress(OSError):
                holder.unlink()
            lock.release()


def _acquire(lock: FileLock, holder: Path, *, blocking: bool) -> None:
    """Take a lock; after a moment of waiting, tell for whom."""
    if not blocking:
        lock.acquire()
        return
    with suppress(TimeoutError):
        lock.acquire(timeout=_PATIENCE)
        return
    tell(f"waiting for another onebin{_process(holder)}", is_waiting=True)
    lock.acquire()
    tell("")


def _process(holder: Path) -> str:
    try:
        return f", process {int(holder.read_text('utf-8'))}"
    except (OSError, ValueError):
        return ""


def _list_files(entry: Path, elsewhere: Iterable[Path]) -> None:
    """Write the list of an entry's files, and of others that it needs, as they are now."""
    own = [path for path in entry.rglob("*") if path.is_symlink() or not path.is_dir()]
    found = {str(path.relative_to(entry)): path.lstat().st_size for path in own}
    found |= {str(path.absolute()): path.lstat().st_size for path in elsewhere}
    (entry / _COMPLETE).write_text(json.dumps(found, sort_keys=True), "utf-8")


def _is_complete(entry: Path) -> bool:
    """Return whether an entry has its list, and every file on it in its size; it may have others, such as bytecode."""
    try:
        found = json.loads((entry / _COMPLETE).read_text("utf-8"))
        join = os.path.join  # thousands of paths
        return all(os.lstat(join(entry, name)).st_size == size for name, size in found.items())
    except (OSError, ValueError, AttributeError):
        return False


def _put(partial: Path, entry: Path) -> None:
    """Move a new entry into its place; what is left of an old one goes aside first."""
    if not entry.is_dir():
        partial.replace(entry)
        return
    aside = partial.with_name(f"{entry.name}.old{_PARTIAL}")
    entry.replace(aside)
    partial.replace(entry)
    _remove(aside)


def _remove(directory: Path) -> None:
    """Remove a directory that is not in use; if that fails, leave it for the next time."""
    shutil.rmtree(directory, ignore_errors=True)

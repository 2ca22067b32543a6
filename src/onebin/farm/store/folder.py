"""A folder that holds the files of a store: each is there as a whole, or not at all.

A file is written as a draft, reaches the disk, and is then given its name. A draft whose writer has died is removed by
the next one.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from onebin.errors import StoreError, os_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_DRAFTS = "drafts"
_CHUNK = 1 << 20
_YOUNG_SECONDS = 60.0  # of a draft that may not be locked yet
_PATIENCE = 0.2  # seconds between two looks at a lock that another process holds


@dataclass(frozen=True)
class Folder:
    """A folder of this machine, or one that several machines share and whose locks (flock) count for all of them."""

    directory: Path

    def read(self, name: str) -> Iterator[bytes] | None:
        """Return the content of a file, in parts; None if there is no such file. Raises StoreError."""
        file = self.directory / name
        with os_errors(StoreError, "read", file), suppress(FileNotFoundError):
            stream = file.open("rb")
            return self._parts(stream.fileno(), file, stream.close)
        return None

    def _parts(self, handle: int, file: Path, close: Callable[[], None]) -> Iterator[bytes]:
        try:
            with os_errors(StoreError, "read", file):
                while part := os.read(handle, _CHUNK):
                    yield part
        finally:
            close()

    def write(self, name: str, content: bytes | Path) -> None:
        """Write a file, in place of one that is there; raises StoreError."""
        with os_errors(StoreError, "write", self.directory / name), self._draft(content) as draft:
            self._place(name)
            draft.replace(self.directory / name)
            _sync(self.directory / name)

    def create(self, name: str, content: bytes) -> bool:
        """Write a file unless it is there, and return whether that was so; raises StoreError."""
        with os_errors(StoreError, "write", self.directory / name), self._draft(content) as draft:
            self._place(name)
            try:
                os.link(draft, self.directory / name)
            except FileExistsError:
                return False
            _sync(self.directory / name)
        return True

    def remove(self, name: str) -> None:
        """Remove a file, if it is there; raises StoreError."""
        with os_errors(StoreError, "remove", self.directory / name):
            (self.directory / name).unlink(missing_ok=True)

    @contextmanager
    def held(self, name: str, waiting: Callable[[], None]) -> Iterator[None]:
        """Hold a lock that ends with this process; `waiting` is called while another one holds it."""
        from filelock import FileLock, Timeout  # noqa: PLC0415  # what only reads a store starts faster without it

        self._place(name)
        lock = FileLock(self.directory / f"{name}.lock")
        with os_errors(StoreError, "lock", self.directory / name):
            while not lock.is_locked:
                try:
                    lock.acquire(timeout=_PATIENCE)
                except Timeout:
                    waiting()
        try:
            yield
        finally:
            lock.release()

    def _place(self, name: str) -> None:
        with os_errors(StoreError, "write", self.directory / name):
            (self.directory / name).parent.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def _draft(self, content: bytes | Path) -> Iterator[Path]:
        """Provide a draft that has a content and has reached the disk; what is left of it is removed."""
        drafts = self.directory / _DRAFTS
        drafts.mkdir(parents=True, exist_ok=True)
        _sweep(drafts)
        handle, name = tempfile.mkstemp(dir=drafts)
        draft = Path(name)
        try:
            with os.fdopen(handle, "wb") as stream:
                _lock(stream.fileno())
                for part in _parts_of(content):
                    stream.write(part)
                stream.flush()
                os.fsync(stream.fileno())
                draft.chmod(0o444)
                yield draft
        finally:
            draft.unlink(missing_ok=True)


def _parts_of(content: bytes | Path) -> Iterator[bytes]:
    if isinstance(content, bytes):
        yield content
        return
    with content.open("rb") as stream:
        while part := stream.read(_CHUNK):
            yield part


def _sweep(drafts: Path) -> None:
    """Remove the drafts of writers that have died."""
    for draft in drafts.iterdir():
        with suppress(OSError):  # it is held, or has gone
            if time.time() - draft.stat().st_mtime > _YOUNG_SECONDS:
                with draft.open("rb") as stream:
                    _lock(stream.fileno())
                    draft.unlink()


def _lock(handle: int) -> None:
    """Lock a file of this process; raises OSError if another one holds it."""
    if sys.platform != "win32":
        import fcntl  # noqa: PLC0415  # not on Windows

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _sync(file: Path) -> None:
    """Have the name of a file reach the disk."""
    if sys.platform != "win32":
        handle = os.open(file.parent, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

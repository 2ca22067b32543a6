"""Artifacts that lie ready to be sent: whole files beside the service, fetched from the store and checked by digest.

A store may be far away, and others may write to it. What lies here was checked when it came, and is checked again if
its file was touched since. The files that were asked for the longest ago are removed when they are too many.
"""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from onebin.errors import StoreError, os_errors
from onebin.system import sha256_of_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from onebin.farm import Record, Store

_YOUNG_SECONDS = 600.0  # of a file that may be on its way to somebody, and is left


@dataclass
class Shelf:
    """A folder for files of at most so many bytes together, each named by its SHA-256; raises StoreError."""

    directory: Path
    store: Store
    most: int
    _known: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    _locks: dict[str, threading.Lock] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def artifact(self, record: Record) -> Path:
        """Return a file with the artifact of a record, whose digest was checked."""
        digest = record.artifact
        with self._lock:
            lock = self._locks.setdefault(digest, threading.Lock())
        with lock:
            file = self.directory / digest
            if not self._is_good(file, digest):
                self._make_room(record.size)
                self.store.fetch(digest, file, become=StoreError)
                self._known[digest] = _state(file)
            with suppress(OSError):
                os.utime(file, (time.time(), file.stat().st_mtime))
            return file

    def _is_good(self, file: Path, digest: str) -> bool:
        try:
            state = _state(file)
            if self._known.get(digest) != state:
                if sha256_of_file(file) != digest:
                    return False
                self._known[digest] = state
        except OSError:
            return False
        return True

    def _make_room(self, size: int) -> None:
        """Remove the files that were asked for the longest ago, until another one fits."""
        with self._lock, os_errors(StoreError, "read", self.directory):
            self.directory.mkdir(parents=True, exist_ok=True)
            files = sorted(_files(self.directory), key=lambda each: each[0].st_atime)
            total = sum(state.st_size for state, _ in files) + size
            for state, file in files:
                if total <= self.most or time.time() - state.st_atime < _YOUNG_SECONDS:
                    break
                file.unlink(missing_ok=True)
                total -= state.st_size


def _files(directory: Path) -> Iterator[tuple[os.stat_result, Path]]:
    """Yield the files of a folder and their states, except those that are moved or removed meanwhile."""
    for file in directory.iterdir():
        with suppress(FileNotFoundError):
            yield file.stat(), file


def _state(file: Path) -> tuple[int, int, int]:
    """Return what changes if somebody writes to a file."""
    found = file.stat()
    return found.st_ino, found.st_mtime_ns, found.st_size

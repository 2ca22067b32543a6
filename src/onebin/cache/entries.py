"""List and remove the entries of the cache: those of builds, and artifacts that their launchers unpacked there.

Nothing in use is removed: neither an entry that a build is creating, nor an unpacked artifact that is running. A
launcher holds a shared lock (flock) on the directory that its program runs in, until the program ends. What remains of
a removed one, a notice, is not an entry.
"""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path  # noqa: TC003  # pydantic reads the types of these fields
from typing import TYPE_CHECKING

from onebin.cache import notice
from onebin.cache.store import BUNDLE, Cache
from onebin.system import size_of

if TYPE_CHECKING:
    from collections.abc import Iterator

ARTIFACTS = "artifacts"
# All kinds of entries, whether this cache has any of them or not.
KINDS = (
    ARTIFACTS,
    "compiler",
    "foreign-interpreters",
    "frames",
    "frozen",
    "interpreters",
    "launchers",
    "locks-read",
    "manifests",
    "receipts",
    "scans",
    "sources",
    "stages",
    "surveys",
    "toolchains",
    "types",
    "uv-versions",
)
_NOT_ENTRIES = ("locks", "logs", "store")
SHOWN_DIGITS = 12  # of a key, which select its entry, too
_LONGEST_NAME = 200
_DIGITS = 32  # length of the payload's digest in the name of an unpacked artifact, <bundle>-<digest>


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One directory in the cache."""

    path: Path

    @property
    def kind(self) -> str:
        """Its kind: `stages`, `frozen`, ..., or `artifacts`."""
        return self.path.parent.name

    @property
    def name(self) -> str:
        """The directory's name: a key, or <bundle>-<digest>."""
        return self.path.name

    @property
    def is_leftover(self) -> bool:
        """Whether it is incomplete: its creation or its removal did not finish."""
        return self.name.startswith(".") or self.name.endswith(".partial")

    @property
    def used(self) -> float:
        """When it was last used, in seconds since the epoch; 0 if it no longer exists."""
        try:
            return self.path.stat().st_mtime
        except OSError:
            return 0.0

    @property
    def size(self) -> int:  # the docstring is the whole documentation
        """Its size in bytes."""
        return size_of(self.path)

    def matches(self, word: str) -> bool:
        """Return whether a word selects this entry: it is its kind, its name, or the name of its bundle."""
        is_short = len(word) == SHOWN_DIGITS and self.name.startswith(word)
        return word in (self.kind, self.name, self.bundle) or is_short

    @property
    def bundle(self) -> str | None:
        """The name of the bundle that it is, or was created for; None if it is for any."""
        if self.kind == ARTIFACTS:
            return self.name[: -_DIGITS - 1]
        try:
            return (self.path / BUNDLE).read_text("utf-8")[:_LONGEST_NAME]
        except (OSError, ValueError):
            return None

    @contextmanager
    def unused(self) -> Iterator[bool]:
        """Yield whether the entry is unused, and keep it from being used until the block ends."""
        if self.kind == ARTIFACTS:
            with _unlocked(self.path) as free:
                yield free
            return
        lock = Cache(self.path.parents[1]).lock(self.kind, self.name.split(".", 1)[0], blocking=False)
        with ExitStack() as held:
            try:
                held.enter_context(lock)
            except TimeoutError:
                yield False
                return
            yield True

    def remove(self) -> bool:
        """Remove the entry; returns False if it is in use. An unpacked artifact leaves a notice in its place."""
        with self.unused() as free:
            if free:
                # Rename it first, like the launcher does, so that no process uses it while it is half removed.
                aside = self.path if self.is_leftover else self.path.with_name(f".{self.name}.old")
                with suppress(OSError):
                    self.path.replace(aside)
                    if self.kind == ARTIFACTS and self.bundle and not self.is_leftover:
                        notice.leave(aside, self.path, self.bundle)
                shutil.rmtree(aside, ignore_errors=True)
        return free


def cache_entries(directory: Path) -> list[Entry]:
    """Return all entries in a cache, sorted by kind and name, including incomplete ones, without notices."""
    if not directory.is_dir():
        return []
    kinds = (path for path in sorted(directory.iterdir()) if path.is_dir() and path.name not in _NOT_ENTRIES)
    return [Entry(path=path) for kind in kinds for path in sorted(kind.iterdir()) if _is_entry(path)]


def _is_entry(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink() and not (path.parent.name == ARTIFACTS and notice.is_notice(path))


def remove_logs(directory: Path) -> None:
    """Remove the logs of freezes."""
    for log in (directory / "logs").glob("*"):
        log.unlink(missing_ok=True)
    # Lock files stay. They are empty, and if one were removed while a process waits for it, two could create an entry.


@contextmanager
def _unlocked(directory: Path) -> Iterator[bool]:
    """Yield whether no launcher holds a directory; the owner of its bundle's lock holds a draft."""
    if sys.platform == "win32":
        yield True  # no launcher for it yet
        return
    import fcntl  # noqa: PLC0415  # not on Windows

    handles = []
    try:
        draft = directory.name.startswith(".") and not directory.name.endswith(".old")
        stem = directory.name.rpartition(".")[0][:-_DIGITS] if draft else ""
        lock = directory.with_name(f"{stem}lock")
        for path in (directory, *([lock] if draft and lock.exists() else [])):
            handles.append(os.open(path, os.O_RDONLY))
            fcntl.flock(handles[-1], fcntl.LOCK_EX | fcntl.LOCK_NB)
        free = True
    except OSError:
        free = False
    try:
        yield free
    finally:
        for handle in handles:
            os.close(handle)

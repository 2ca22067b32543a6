"""A stage: an isolated environment with exactly the locked packages, and its key in the cache."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from onebin.errors import StageError, os_errors
from onebin.python import uv
from onebin.system import sha256_of

if TYPE_CHECKING:
    from pathlib import Path

    from onebin.cache import Cache
    from onebin.lock import Lock

KIND = "stages"
FORMAT = 3


@dataclass(frozen=True, kw_only=True)
class Stage:
    """An environment with exactly the locked packages; it is read-only. `is_new` if it was installed just now."""

    key: str
    directory: Path
    lock: Lock
    is_new: bool = field(default=False, compare=False)

    @property
    def python(self) -> Path:
        """The environment's interpreter."""
        return uv.python_of(self.directory)

    @property
    def site_packages(self) -> Path:
        """The directory of the distributions."""
        if sys.platform == "win32":
            return self.directory / "Lib" / "site-packages"
        return self.directory / "lib" / f"python{self.lock.interpreter.minor}" / "site-packages"


def find(lock: Lock, cache: Cache, *, moment: int) -> Stage | None:
    """Return the stage of a lock if the cache has it; installs nothing."""
    key = stage_key(lock, moment)
    entry = cache.find(KIND, key)
    return None if entry is None else Stage(key=key, directory=entry / "env", lock=lock)


def stage_key(lock: Lock, moment: int) -> str:
    """Return the digest of everything that determines the content of a stage."""
    with os_errors(StageError, "read the local projects of", lock.file):
        projects = {package.name: package.sources_sha256 for package in lock.packages if package.path}
    packages = {package.name: package.digest for package in lock.packages}
    # The build of a project may use the moment.
    return sha256_of(
        [FORMAT, packages, projects, moment if projects else None, lock.interpreter.identity, uv.version()]
    )

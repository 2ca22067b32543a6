"""Install a lock into the stage: an isolated environment that holds exactly the locked packages.

Enters: a Lock. Leaves: a Stage in the cache, complete and hash-checked. Refuses: a download whose hash is not the
lock's, a local project that does not build, a full disk.

The stage's key covers what goes into it: the lock's packages, the bytes of local projects, and the interpreter. The
environment is relocatable, so that it can be made beside its place and renamed into it.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from onebin import uv
from onebin.cache import Cache
from onebin.digest import sha256_of, sha256_of_tree
from onebin.errors import StageError, os_errors

if TYPE_CHECKING:
    from pathlib import Path

    from onebin.lock import Lock
    from onebin.paths import Workspace

KIND = "stages"
FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class Stage:
    """An environment with exactly the lock in it; nobody writes to it."""

    key: str
    directory: Path
    lock: Lock

    @property
    def python(self) -> Path:
        """The environment's interpreter."""
        return self.directory / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")

    @property
    def site_packages(self) -> Path:
        """Where the distributions lie."""
        if sys.platform == "win32":
            return self.directory / "Lib" / "site-packages"
        return self.directory / "lib" / f"python{self.lock.interpreter.minor}" / "site-packages"


def install(lock: Lock, workspace: Workspace, *, offline: bool = False) -> Stage:
    """Return the stage of a lock, making it if the cache has none; raises StageError."""
    key = stage_key(lock)

    def make(partial: Path) -> None:
        environment = partial / "env"
        stage = Stage(key=key, directory=environment, lock=lock)
        try:
            uv.make_environment(environment, python=lock.interpreter.executable)
            rebuild = [package.name for package in lock.projects]
            uv.install_lock(lock.file, python=stage.python, rebuild=rebuild, offline=offline)
        except uv.Failure as failure:
            raise _explain(failure) from failure

    with os_errors(StageError, "make the stage in", workspace.cache_dir):
        entry = Cache(workspace.cache_dir).ensure(KIND, key, make)
    return Stage(key=key, directory=entry / "env", lock=lock)


def stage_key(lock: Lock) -> str:
    """Return the digest of everything that decides what is in a stage."""
    with os_errors(StageError, "read the local projects of", lock.file):
        projects = {package.name: sha256_of_tree(package.path) for package in lock.packages if package.path}
    return sha256_of(
        [FORMAT, {p.name: p.digest for p in lock.packages}, projects, lock.interpreter.identity, uv.version()]
    )


def _explain(failure: uv.Failure) -> Exception:
    if "Hash mismatch" in failure.text:
        return failure.become(StageError, "a download is not what the lock says")
    if "Failed to build" in failure.text:
        hint = "mend the project, or ask for a version with a wheel"
        return failure.become(StageError, "a package cannot be built", hint)
    return failure.become(StageError, "the lock cannot be installed")

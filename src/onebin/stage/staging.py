"""Install a lock into the stage: an isolated environment that holds exactly the locked packages.

Enters: a Lock. Leaves: a Stage in the cache, complete and hash-checked. Refuses: a download whose hash is not the
lock's, a local project that does not build, a full disk.

The stage's key covers what goes into it: the lock's packages, the bytes of local projects, and the interpreter. The
environment is relocatable, so that it can be made beside its place and renamed into it.
"""

from __future__ import annotations

import csv
import json
import sys
from dataclasses import dataclass
from functools import partial as partially
from typing import TYPE_CHECKING

from onebin.cache import Cache
from onebin.errors import StageError, os_errors
from onebin.python import uv
from onebin.stage.overlap import overlaps
from onebin.system import sha256_of, write_atomic
from onebin.wheelhouse import git_redirects, installable_lock, repositories

if TYPE_CHECKING:
    from pathlib import Path

    from onebin.cache import Cache
    from onebin.lock import Lock
    from onebin.python import PackageSource

KIND = "stages"
_NOTES = ("uv_cache.json", "uv_build.json")
FORMAT = 3


@dataclass(frozen=True, kw_only=True)
class Stage:
    """An environment with exactly the lock in it; nobody writes to it."""

    key: str
    directory: Path
    lock: Lock

    @property
    def python(self) -> Path:
        """The environment's interpreter."""
        return uv.python_of(self.directory)

    @property
    def site_packages(self) -> Path:
        """Where the distributions lie."""
        if sys.platform == "win32":
            return self.directory / "Lib" / "site-packages"
        return self.directory / "lib" / f"python{self.lock.interpreter.minor}" / "site-packages"


def install(lock: Lock, cache: Cache, *, source: PackageSource, moment: int) -> Stage:
    """Return the stage of a lock, making it if the cache has none; raises StageError.

    `source` is where packages come from; `moment` (seconds since 1970) stands for "now" where projects are built.
    """
    key = stage_key(lock, moment)

    def make(partial: Path) -> None:
        environment = partial / "env"
        stage = Stage(key=key, directory=environment, lock=lock)
        try:
            uv.make_environment(environment, python=lock.interpreter.executable)
            with installable_lock(lock, source.wheelhouse, partial) as file:
                sync = partially(
                    uv.install_lock,
                    file,
                    python=stage.python,
                    build=lock.buildable,
                    source=source,
                    moment=moment,
                    git=git_redirects(source.wheelhouse, repositories(lock.text)) if source.wheelhouse else None,
                )
                sync(reinstall=[package.name for package in lock.projects])
                # uv installs side by side, so who came last need not be the same one twice.
                for name in sorted({name for each in overlaps(stage.site_packages) for name in each.distributions[1:]}):
                    sync(reinstall=[name])
            _forget_machine(stage.site_packages)
        except uv.Failure as failure:
            raise _explain(failure) from failure

    with os_errors(StageError, "make the stage in", cache.directory):
        entry = cache.ensure(KIND, key, make)
    return Stage(key=key, directory=entry / "env", lock=lock)


def find(lock: Lock, cache: Cache, *, moment: int) -> Stage | None:
    """Return the stage of a lock if the cache has it; nothing is installed."""
    key = stage_key(lock, moment)
    entry = cache.find(KIND, key)
    return None if entry is None else Stage(key=key, directory=entry / "env", lock=lock)


def stage_key(lock: Lock, moment: int) -> str:
    """Return the digest of everything that decides what is in a stage."""
    with os_errors(StageError, "read the local projects of", lock.file):
        projects = {package.name: package.sources_sha256 for package in lock.packages if package.path}
    packages = {package.name: package.digest for package in lock.packages}
    # A project's build may take up the moment.
    return sha256_of(
        [FORMAT, packages, projects, moment if projects else None, lock.interpreter.identity, uv.version()]
    )


def _forget_machine(site_packages: Path) -> None:
    """Remove what the installation noted about this machine: uv's own files, and where a local project lies (PEP 610).

    Two stages of one lock are the same then, and so are the artifacts that are made of them.
    """
    for info in site_packages.glob("*.dist-info"):
        notes = [info / name for name in _NOTES]
        direct_url = info / "direct_url.json"
        if direct_url.exists() and _names_this_machine(direct_url):
            notes.append(direct_url)
        gone = {note.relative_to(site_packages).as_posix() for note in notes if note.exists()}
        for name in gone:
            (site_packages / name).unlink()
        record = info / "RECORD"
        if gone and record.exists():
            lines = record.read_text("utf-8").splitlines(keepends=True)
            # A new file: uv may have linked this one from its cache, where it must stay as it is.
            write_atomic(record, "".join(line for line in lines if next(csv.reader([line]))[0] not in gone))


def _names_this_machine(direct_url: Path) -> bool:
    try:
        return str(json.loads(direct_url.read_text("utf-8"))["url"]).startswith("file:")
    except (ValueError, KeyError, TypeError):
        return True  # whatever it holds, no tool could read it


def _explain(failure: uv.Failure) -> Exception:
    if "Hash mismatch" in failure.text:
        return failure.become(StageError, "a download is not what the lock says")
    if "Failed to build" in failure.text:
        hint = "mend the project, or ask for a version with a wheel"
        return failure.become(StageError, "a package cannot be built", hint)
    return failure.become(StageError, "the lock cannot be installed")

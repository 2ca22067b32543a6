"""A stage: an isolated environment with exactly the locked packages, and its key in the cache."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from onebin.errors import StageError, os_errors
from onebin.lock import LockedPackage
from onebin.platforms import Runner
from onebin.python import uv
from onebin.stage.foreign import in_wine, python_in
from onebin.system import canonical_name, sha256_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from onebin.cache import Cache
    from onebin.lock import Lock

KIND = "stages"
FOREIGN = "foreign"  # the folder beside the environment for one of an interpreter that is for another platform
FORMAT = 3


@dataclass(frozen=True, kw_only=True)
class Stage:
    """An environment with exactly the locked packages; it is read-only. `is_new` if it was installed just now.

    If it `may_run`, its host is asked what it is, where that is possible on this machine.
    """

    key: str
    directory: Path
    lock: Lock
    is_new: bool = field(default=False, compare=False)
    may_run: bool = field(default=True, compare=False)

    @property
    def python(self) -> Path:
        """The environment's interpreter, which runs on this machine; it compiles and analyses."""
        return uv.python_of(self.directory)

    @property
    def runner(self) -> Runner | None:
        """How the host is run here; None if it is for another platform, and cannot or may not be run."""
        return self.lock.interpreter.runner if self.may_run else None

    @property
    def host_python(self) -> Path:
        """The interpreter that runs the host: another one if it is for another platform."""
        interpreter = self.lock.interpreter
        if not interpreter.is_foreign:
            return self.python
        return interpreter.executable if self._is_for_windows else python_in(self._foreign, interpreter)

    @property
    def host_variables(self) -> Mapping[str, str]:
        """The environment variables that the host's interpreter needs to be that of the environment.

        On Windows, the program in an environment starts the base interpreter and tells it so.
        """
        runner = self.runner or Runner.native()
        if not self._is_for_windows:
            return runner.variables
        python = in_wine(python_in(self._foreign, self.lock.interpreter))
        return {**runner.variables, "__PYVENV_LAUNCHER__": python}

    @property
    def _foreign(self) -> Path:
        return self.directory.with_name(FOREIGN)

    @property
    def _is_for_windows(self) -> bool:
        target = self.lock.interpreter.target
        return self.lock.interpreter.is_foreign and target is not None and target.system == "windows"

    @property
    def site_packages(self) -> Path:
        """The directory of the distributions."""
        if sys.platform == "win32":
            return self.directory / "Lib" / "site-packages"
        return self.directory / "lib" / f"python{self.lock.interpreter.minor}" / "site-packages"


def find(lock: Lock, cache: Cache, *, moment: int) -> Stage | None:
    """Return the stage of a lock if the cache has it; installs nothing."""
    key = stage_key(lock, moment, cache)
    entry = cache.find(KIND, key)
    return None if entry is None else Stage(key=key, directory=entry / "env", lock=lock)


def find_nearest(lock: Lock, cache: Cache) -> Stage | None:
    """Return the stage in the cache that has most of what is locked, in the same versions; None if none has the host.

    Its lock has the packages that it holds, and the rows whose packages it holds as they are locked. Nothing is
    installed. Raises OSError.
    """
    entries = [each for each in (cache.directory / KIND).glob("*") if not each.name.endswith(".partial")]
    stages = [Stage(key=each.name, directory=each / "env", lock=lock) for each in entries]
    held = {stage.key: _held(stage.site_packages) for stage in stages}
    locked = {package.name: package for package in lock.packages}

    def same(stage: Stage) -> set[str]:
        found = held[stage.key]
        return {name for name in found if name in locked and locked[name].version in {found[name], None}}

    for stage in sorted(stages, key=lambda stage: (len(same(stage)), stage.key), reverse=True):
        known = same(stage)
        if lock.host in known and cache.find(KIND, stage.key) is not None:
            others = {name: LockedPackage(name=name, version=held[stage.key][name]) for name in held[stage.key]}
            packages = tuple({**others, **{name: locked[name] for name in known}}.values())
            answers = {row: name for row, name in lock.answers.items() if name is None or name in known}
            return replace(stage, lock=replace(lock, packages=packages, answers=answers))
    return None


def _held(site_packages: Path) -> dict[str, str]:
    """Return the versions of the distributions in a stage, by canonical name."""
    titles = (info.stem.rpartition("-") for info in sorted(site_packages.glob("*.dist-info")))
    return {canonical_name(name): version for name, _, version in titles}


def stage_key(lock: Lock, moment: int, cache: Cache | None = None) -> str:
    """Return the digest of everything that determines the content of a stage.

    With a cache, uv is not asked again for its version.
    """
    with os_errors(StageError, "read the local projects of", lock.file):
        projects = {package.name: package.sources_sha256 for package in lock.packages if package.path}
    packages = {package.name: package.digest for package in lock.packages}
    python = lock.interpreter
    # The build of a project may use the moment. The environment of another platform's interpreter refers to it.
    when, where = moment if projects else None, str(python.executable) if python.is_foreign else None
    return sha256_of([FORMAT, packages, projects, when, python.identity, where, uv.version(cache)])

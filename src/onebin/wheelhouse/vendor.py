"""Fill a wheelhouse: a directory with everything that locks need, for builds without a network.

Takes locks and a directory, and puts into it every archive of each lock, the toolchain, what local projects and allowed
source distributions need to be built, and the launcher and the starter if onebin does not ship them. `SHA256SUMS` has
the SHA-256 of each file. Raises VendorError with everything that cannot be downloaded or does not match the lock.
"""

from __future__ import annotations

import json
import tarfile
import tempfile
import tomllib
import zipfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from shutil import copy2
from typing import TYPE_CHECKING, Any

import tomli_w

from onebin import launcher
from onebin.errors import Finding, ProcessError, VendorError, os_errors
from onebin.lock import TOOLCHAIN_LEFT_OUT
from onebin.python import Interpreter, Limits, PackageSource, find, uv
from onebin.system import display, environment, read_toml, run, scratch, sha256_of, sha256_of_file
from onebin.wheelhouse.contents import Archived, archives, read_sums, relocate, write_sums
from onebin.wheelhouse.download import DownloadError, fetch
from onebin.wheelhouse.git import pack, repositories, unpack

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from onebin.cache import Cache
    from onebin.lock import Lock
    from onebin.python import Interpreter

_DOWNLOADS_AT_ONCE = 4
_BACKEND_SECONDS = 300

# How to build a project without a [build-system] (PEP 517).
_LEGACY = {"requires": ["setuptools>=40.8.0"], "build-backend": "setuptools.build_meta:__legacy__"}

# Asks a build backend for its requirements, in an environment that has those of pyproject.toml (PEP 517). The last line
# is the answer.
_QUESTION = """
import importlib, json, sys
name, *paths = sys.argv[1:]
sys.path[:0] = paths
module, _, attributes = name.partition(":")
backend = importlib.import_module(module)
for attribute in filter(None, attributes.split(".")):
    backend = getattr(backend, attribute)
ask = getattr(backend, "get_requires_for_build_wheel", None)
print()
print(json.dumps(list(ask(None)) if ask else []))
"""


@dataclass(frozen=True, kw_only=True)
class VendorResult:
    """A complete wheelhouse: how many files it has, and their size in bytes."""

    directory: Path
    files: int
    size: int


def fill(directory: Path, locks: Iterable[Lock], cache: Cache, *, moment: int) -> VendorResult:
    """Put everything that some locks need into a directory; files that are there are not downloaded again.

    Files of an earlier call that are no longer needed are removed. Other files in the directory are left alone. Raises
    VendorError.
    """
    key = sha256_of(str(directory))
    with (
        os_errors(VendorError, "fill the vendor directory", directory),
        cache.lock("vendor", key),
        scratch() as place,
    ):
        directory.mkdir(parents=True, exist_ok=True)
        for leftover in directory.glob(".*.partial"):  # from a call that was killed
            leftover.unlink()
        sums: dict[str, str] = {}
        for number, lock in enumerate(locks):
            own = place / str(number)
            own.mkdir()
            sums |= _Wheelhouse(directory=directory, lock=lock, scratch=own, moment=moment).take_all(cache)
        for stale in read_sums(directory).keys() - sums.keys():
            (directory / stale).unlink(missing_ok=True)
        write_sums(directory, sums)
        return VendorResult(
            directory=directory, files=len(sums), size=sum((directory / each).stat().st_size for each in sums)
        )


@dataclass(frozen=True, kw_only=True)
class _Wheelhouse:
    """A directory to fill for a lock, with a directory for temporary files."""

    directory: Path
    lock: Lock
    scratch: Path
    moment: int

    @cached_property
    def python(self) -> Interpreter:
        """The interpreter that builds and analyses, on this machine."""
        target = self.lock.interpreter
        return find(str(target.builder), self.directory) if target.is_foreign else target

    @property
    def source(self) -> PackageSource:
        """The indexes of the project: the lock is in the manifest's folder."""
        return PackageSource(project=self.lock.file.parent)

    def take_all(self, cache: Cache) -> dict[str, str]:
        """Put everything into the directory, and return the SHA-256 of each file by name."""
        kept = archives(self.lock.text, self.lock.interpreter)
        sums = self.take([*kept.values(), *self.toolchain()])
        sums |= self.take_repositories()
        for project in self.projects(kept.values()):
            sums |= self.take_build_requirements(project)
        return sums | self.take_programs(cache)

    def take(self, wanted: Iterable[Archived]) -> dict[str, str]:
        """Download missing files and return the SHA-256 of all by name; raises VendorError with all failures."""
        each = list(wanted)
        with ThreadPoolExecutor(_DOWNLOADS_AT_ONCE) as pool:
            outcomes = list(pool.map(self._fetched, each))
        findings = [
            Finding(display(self.directory / file.name), said)
            for file, said in zip(each, outcomes, strict=True)
            if said
        ]
        if findings:
            hint = "check the index, the network and the credentials in uv's settings, and try again"
            raise VendorError(f"{display(self.directory)} is not complete", findings, hint)
        return {file.name: file.sha256 for file in each}

    def _fetched(self, wanted: Archived) -> str | None:
        try:
            fetch(wanted.url, self.directory / wanted.name, sha256=wanted.sha256)
        except DownloadError as error:
            return str(error)
        return None

    def toolchain(self) -> Sequence[Archived]:
        """Return the files of the toolchain that the lock pins; raises VendorError."""
        pins = {pin.name: pin for pin in self.lock.toolchain}
        wanted = [f"{pin.name}=={pin.version}" for pin in pins.values()]
        found = self._resolved(wanted, "toolchain", leave_out=TOOLCHAIN_LEFT_OUT)
        changed = [each for each in found.values() if each.sha256 not in pins[each.package].hashes]
        if changed:
            findings = [Finding(each.name, "hash mismatch between the index and the lock") for each in changed]
            raise VendorError(
                "the toolchain does not match the lock", findings, "do not trust this index, or lock again"
            )
        return list(found.values())

    def _resolved(self, wanted: Sequence[str], name: str, *, leave_out: Sequence[str] = ()) -> dict[str, Archived]:
        return archives(self._compiled(wanted, name, leave_out=leave_out), self.python)

    def _compiled(self, wanted: Sequence[str], name: str, *, leave_out: Sequence[str] = ()) -> str:
        draft = self.scratch / f"pylock.{name}.toml"
        draft.unlink(missing_ok=True)
        try:
            uv.compile_lock(
                wanted,
                python=self.python,
                output=draft,
                directory=self.scratch,
                moment=self.moment,
                limits=Limits(leave_out=leave_out, source=self.source),
            )
        except uv.Failure as failure:
            raise failure.become(VendorError, f"cannot resolve what to download: {', '.join(wanted)}") from failure
        return draft.read_text("utf-8")

    def take_repositories(self) -> dict[str, str]:
        """Write a bundle for each git repository, unless one is listed, and return their SHA-256 by name."""
        known = read_sums(self.directory)
        sums = {}
        for each in repositories(self.lock.text):
            file = self.directory / each.name
            if file.is_file() and known.get(each.name) != sha256_of_file(file):
                file.unlink()
            pack(each, file, self.scratch)
            sums[each.name] = sha256_of_file(file)
        return sums

    def projects(self, kept: Iterable[Archived]) -> Iterator[Path]:
        """Yield the folder of each project that a build compiles: local ones, repositories and unpacked archives."""
        for package in self.lock.packages:
            if package.is_project and package.path is not None:
                yield package.path
            elif package.path is not None and not package.path.name.endswith(".whl"):
                yield self._unpacked(package.path)
        for each in repositories(self.lock.text):
            yield unpack(each, self.directory / each.name, self.scratch)
        for file in kept:
            if not file.name.endswith(".whl"):
                yield self._unpacked(self.directory / file.name)

    def _unpacked(self, archive: Path) -> Path:
        target = self.scratch / f"{archive.name}.unpacked"
        target.mkdir()
        try:
            if archive.name.endswith(".zip"):
                with zipfile.ZipFile(archive) as zipped:
                    zipped.extractall(target)  # noqa: S202  # zipfile removes parts that would leave the directory
            else:
                with tarfile.open(archive) as tar:
                    tar.extractall(target, filter="data")
            return next(target.glob("*/"))
        except (tarfile.TarError, zipfile.BadZipFile, StopIteration) as error:
            finding = Finding(display(archive), f"it is not a source distribution: {error}", "lock another version")
            raise VendorError("cannot read a source distribution", [finding]) from error

    def take_build_requirements(self, project: Path) -> dict[str, str]:
        """Download what a project's [build-system] requires, and what its backend asks for in addition."""
        file = project / "pyproject.toml"
        table = read_toml(file) if file.is_file() else {}
        system: dict[str, Any] = {**_LEGACY, **table.get("build-system", {})}
        wanted: list[str] = list(system["requires"])
        sums: dict[str, str] = {}
        while True:
            text = self._compiled(wanted, "build") if wanted else ""
            files = archives(text, self.python) if text else {}
            sums |= self.take(files.values())
            with self._environment(text, files) as python:
                asked = self._asked(project, system, python)
            if set(asked) <= set(wanted):
                return sums
            wanted += [each for each in asked if each not in wanted]

    @contextmanager
    def _environment(self, text: str, files: dict[str, Archived]) -> Iterator[Path]:
        """Yield the Python of an environment with the requirements of a build, installed from the directory."""
        with tempfile.TemporaryDirectory(dir=self.scratch) as name:
            env = Path(name) / "env"
            python = uv.python_of(env)
            try:
                uv.make_environment(env, python=self.python.executable)
                if text:
                    document = tomllib.loads(text)
                    relocate(document, files, self.directory)
                    lock = Path(name) / "pylock.build.toml"
                    lock.write_text(tomli_w.dumps(document), "utf-8")
                    source = PackageSource(wheelhouse=self.directory)
                    uv.install_lock(lock, python=python, limits=Limits(source=source), moment=self.moment)
            except uv.Failure as failure:
                raise failure.become(VendorError, "cannot install the requirements of a build") from failure
            yield python

    def _asked(self, project: Path, system: dict[str, Any], python: Path) -> list[str]:
        """Return the additional requirements that a build backend reports."""
        paths = [str(project / each) for each in system.get("backend-path", ())]
        try:
            said = run(
                [python, "-c", _QUESTION, str(system["build-backend"]), *paths],
                env=environment(),
                cwd=project,
                timeout=_BACKEND_SECONDS,
            )
            return [str(each) for each in json.loads(said.stdout.splitlines()[-1])]
        except (ProcessError, ValueError, IndexError, TypeError) as error:
            finding = Finding(display(project), "its build backend cannot report its requirements", "does it build?")
            raise VendorError("cannot vendor the build requirements of a local project", [finding]) from error

    def take_programs(self, cache: Cache) -> dict[str, str]:
        """Copy the compiled launcher and starter into the directory, unless onebin ships them or there are none."""
        python, files = self.lock.interpreter, []
        if launcher.exists_for(python.target) and not launcher.is_included(python.target):
            files.append(launcher.find(python.target, cache, source=self.source))
        if launcher.starter.exists_for(python.target) and not launcher.starter.is_included(python):
            files.append(launcher.starter.find(python, cache, source=self.source))
        for file in files:
            copy2(file, self.directory / file.name)
        return {file.name: sha256_of_file(file) for file in files}

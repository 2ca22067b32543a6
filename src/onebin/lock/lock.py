"""A lock that matches its manifest, read from its file."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onebin.errors import Finding, InterpreterError
from onebin.lock.file import FORMAT, plain, read_data, wanted
from onebin.lock.sources import buildable
from onebin.manifest import keyed
from onebin.platforms import Platform, this_platform
from onebin.python import INDEXES, PackageSource, find
from onebin.system import canonical_name, display, read_bytes, sha256_of, sha256_of_tree

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onebin.cache import Cache
    from onebin.manifest import Manifest
    from onebin.python import Interpreter
    from onebin.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class LockedPackage:
    """One package of the lock. `version` and `path` are as in PEP 751: a local project has a path and no version."""

    name: str
    version: str | None
    path: Path | None = None
    digest: str = ""

    @property
    def is_project(self) -> bool:
        """Whether it is built from local sources, which may change without a new lock."""
        return self.path is not None and self.path.is_dir()

    @cached_property
    def sources_sha256(self) -> str | None:
        """The digest of a local project's sources, or of a local archive; None for any other package.

        Computed only once, so that a whole build uses one state of the sources. Raises OSError.
        """
        return None if self.path is None else sha256_of_tree(self.path)


@dataclass(frozen=True, kw_only=True)
class Pin:
    """A package of the toolchain: an exact version, with the SHA-256 of each of its wheels, and who needs it."""

    name: str
    version: str
    hashes: tuple[str, ...]
    marker: str | None = None

    @property
    def is_needed(self) -> bool:
        """Whether this machine needs it, where the toolchain runs (its environment marker, PEP 508)."""
        if self.marker is None:
            return True
        from packaging.markers import Marker  # noqa: PLC0415  # slow to load

        return Marker(self.marker).evaluate()


@dataclass(frozen=True, kw_only=True)
class Lock:
    """A lock that matches its manifest and interpreter.

    `digest` is the SHA-256 of the file. `answers` maps each plugin row to its package, or to None if the row only names
    modules. `buildable` names the packages that may be built from source; None means all. `rows` says for findings
    where the manifest names a package. If this run wrote the file, `changes` has a line to print for each change, and
    `notices` for each version that may surprise.
    """

    file: Path
    text: str
    digest: str
    interpreter: Interpreter
    packages: tuple[LockedPackage, ...]
    host: str
    answers: Mapping[str, str | None]
    pins: tuple[Pin, ...]
    buildable: frozenset[str] | None
    rows: Mapping[str, str] = field(default_factory=dict)
    changes: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()

    @cached_property
    def toolchain(self) -> tuple[Pin, ...]:
        """What this machine needs of the toolchain that is locked for all."""
        return tuple(pin for pin in self.pins if pin.is_needed)

    @property
    def projects(self) -> tuple[LockedPackage, ...]:
        """The packages that are built from local sources."""
        return tuple(package for package in self.packages if package.is_project)

    def where(self, package: str) -> str:
        """Return where a package comes from, for a finding: its row of the manifest, or else its entry in the lock."""
        name = canonical_name(package)
        if name in self.rows:
            return self.rows[name]
        before, found, _ = self.text.partition(f'\nname = "{name}"\n')
        line = f":{before.count(chr(10)) + 2}" if found else ""
        return f"{display(self.file)}{line}: packages.{name}"


def interpreter_of(
    manifest: Manifest,
    cache: Cache,
    chosen: Path | None = None,
    *,
    platform: Platform | None = None,
    source: PackageSource = INDEXES,
) -> Interpreter:
    """Return the interpreter that a manifest asks for, or a chosen one; raises InterpreterError, with the key.

    `platform` is what it must be for; None is this machine's. `source` says whether one may be downloaded.
    """
    wanted = str(chosen) if chosen else manifest.bundle.python
    place = None if platform is None or chosen else manifest.bundle.interpreters.get(platform.name)
    key = ("python",) if place is None else ("interpreters", str(platform))
    try:
        if chosen or platform is None or (place is None and platform == this_platform()):
            return find(wanted, manifest.directory, cache)
        if wanted and "/" in wanted:  # an interpreter of this machine: of others, only its version can be had
            wanted = find(wanted, manifest.directory, cache).minor
        from onebin.python import find_foreign  # noqa: PLC0415  # slow to load, and only for other platforms

        return find_foreign(
            platform,
            wanted,
            None if place is None else place.path,
            directory=manifest.directory,
            cache=cache,
            sha256=None if place is None else place.sha256,
            offline=source.is_offline,
        )
    except InterpreterError as error:
        if chosen or (not wanted and place is None):
            raise
        finding = Finding(keyed(display(manifest.file), "bundle", *key), error.message, error.hint)
        raise InterpreterError("the Python to freeze cannot be used", findings=[finding]) from error


def read(manifest: Manifest, workspace: Workspace) -> Lock | None:
    """Return the existing lock, also if the manifest has changed since, or None if there is none for its Python.

    Its `answers` are those of the rows that are as they were when they were locked. Does not write anything.
    """
    python = interpreter_of(manifest, workspace.cache, platform=workspace.platform)
    file = workspace.lock_file(manifest.bundle.name)
    data = read_data(file, workspace.cache)
    own = data.get("tool", {}).get("onebin", {})
    if own.get("format") != FORMAT or (own["python-minor"], own["platform"]) != (python.minor, python.platform):
        return None
    before, now = own["plugins-wanted"], wanted(manifest)["plugins"]
    found = lock_from(file, data, manifest, python, changes=())
    return replace(found, answers={row: found.answers[row] for row in now if before.get(row) == now[row]})


def package_changes(old: Lock, new: Lock, *, without: str) -> tuple[str, ...]:
    """Return a line for each package that was added, removed or changed between two locks, but for one package."""
    before, after = ({each.name: each.version or "local" for each in lock.packages} for lock in (old, new))
    names = sorted(name for name in {*before, *after} - {without} if before.get(name) != after.get(name))
    return tuple(
        f"{'+' if name not in before else '-' if name not in after else '~'} {name} "
        + " -> ".join(versions[name] for versions in (before, after) if name in versions)
        for name in names
    )


def lock_from(
    file: Path,
    data: Mapping[str, Any],
    manifest: Manifest,
    python: Interpreter,
    *,
    text: str | None = None,
    changes: tuple[str, ...],
    notices: tuple[str, ...] = (),
) -> Lock:
    """Return a lock, given its file and its data, which must match the manifest; raises OSError.

    `text` is what the file has, or is to have.
    """
    own = data["tool"]["onebin"]
    content = read_bytes(file) if text is None else text.encode()
    return Lock(
        file=file,
        text=content.decode("utf-8"),  # keeps line endings, because the digest is that of the file
        digest=sha256(content).hexdigest(),
        interpreter=python,
        packages=tuple(_package(package, file.parent) for package in data["packages"]),
        host=own["host"],
        answers={row: own["plugins"].get(row) for row in own["plugins-wanted"]},
        pins=tuple(
            Pin(name=pin["name"], version=pin["version"], hashes=tuple(pin["hashes"]), marker=pin.get("marker"))
            for pin in own["toolchain"]
        ),
        buildable=buildable(manifest, data["packages"]),
        rows=_rows(own, manifest),
        changes=changes,
        notices=notices,
    )


def _rows(own: Mapping[str, Any], manifest: Manifest) -> dict[str, str]:
    """Return where the manifest names each package that it names itself."""
    rows = {row.name: manifest.where(row) for row in manifest.plugins}
    named = {package: rows[name] for name, package in own["plugins"].items() if name in rows}
    return {**named, own["host"]: manifest.where(manifest.host)}


def _package(package: Mapping[str, Any], directory: Path) -> LockedPackage:
    source = package.get("directory") or package.get("archive") or {}
    path = source.get("path")
    return LockedPackage(
        name=canonical_name(package["name"]),
        version=package.get("version"),
        path=None if path is None else Path(os.path.normpath(directory / path)),
        digest=sha256_of(plain(package)),
    )

"""Resolve a manifest into a lock: `pylock.<name>.toml` (PEP 751), made by uv and kept by onebin.

Enters: a Manifest. Leaves: a Lock that fits it. Refuses: local paths that are no projects, requirements that exclude
each other, and under `--locked` a lock that is missing, stale or edited.

What PEP 751 does not hold is in the lock's `[tool.onebin]` table: what the manifest wanted, which package answers
which plugin row, the interpreter, digests that betray an edit, and the toolchain with its hashes.
"""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tomli_w
import tomlkit
from packaging.utils import canonicalize_name

from onebin.errors import LockError, os_errors
from onebin.lock import sources as lock_sources
from onebin.lock.conflict import explain
from onebin.lock.file import (
    FORMAT,
    NOT_OURS,
    changed_packages,
    package_digests,
    plain,
    project_digests,
    read_data,
    staleness,
    wanted,
    write,
)
from onebin.manifest import check_projects
from onebin.python import INDEXES, find, uv
from onebin.system import absolute, display, scratch, sha256_of, sha256_of_file, sha256_of_tree

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onebin.manifest import Host, Manifest, PluginRow
    from onebin.python import Interpreter, PackageSource
    from onebin.workspace import Workspace

# Earlier versions have a published privilege hole.
TOOLCHAIN_REQUIREMENTS = ("pyinstaller>=6.22.3", "pyinstaller-hooks-contrib")

# PyInstaller depends on setuptools but runs without it; were it importable, PyInstaller would offer setuptools'
# vendored copies to hosts that never asked for them.
TOOLCHAIN_LEFT_OUT = ("setuptools",)


@dataclass(frozen=True, kw_only=True)
class LockedPackage:
    """One package of the lock; `version` and `path` are as PEP 751 has them: a local project has a path, no version."""

    name: str
    version: str | None
    path: Path | None
    digest: str

    @property
    def is_project(self) -> bool:
        """Whether it is built from local sources, which may change under the same lock."""
        return self.path is not None and self.path.is_dir()

    @cached_property
    def sources_sha256(self) -> str | None:
        """The digest of a local project's sources, or of a local archive; None for any other package.

        It is computed once, so that a whole build works with one state of the sources. Raises OSError.
        """
        return None if self.path is None else sha256_of_tree(self.path)


@dataclass(frozen=True, kw_only=True)
class Pin:
    """One package of the toolchain: exactly this version, with one of these SHA-256 hashes."""

    name: str
    version: str
    hashes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Lock:
    """A lock that fits its manifest and interpreter.

    `digest` is the SHA-256 of the file. `answers` maps each plugin row to the package that answers it, or None for a
    row of modules only. `buildable` names the packages that may be built from source, None is for all. `changes` says
    in lines for people what this run changed in the file.
    """

    file: Path
    text: str
    digest: str
    interpreter: Interpreter
    packages: tuple[LockedPackage, ...]
    host: str
    answers: Mapping[str, str | None]
    toolchain: tuple[Pin, ...]
    buildable: frozenset[str] | None
    changes: tuple[str, ...] = ()

    @property
    def projects(self) -> tuple[LockedPackage, ...]:
        """The packages that are built from local sources."""
        return tuple(package for package in self.packages if package.is_project)


@dataclass(frozen=True, kw_only=True)
class LockOptions:
    """How to resolve.

    With `locked`, or with a wheelhouse as the `source` of packages, the file is never written. `upgrade` names packages
    that may move to newer versions, None means all. `python` is an interpreter to use in place of the manifest's.
    `moment` stands for "now" where projects are built (seconds since 1970).
    """

    source: PackageSource = INDEXES
    locked: bool = False
    upgrade: tuple[str, ...] | None = ()
    python: Path | None = None
    moment: int

    @property
    def may_write(self) -> bool:
        """Whether the lock may be renewed if it does not fit."""
        return not self.locked and self.source.wheelhouse is None


def resolve(manifest: Manifest, workspace: Workspace, options: LockOptions) -> Lock:
    """Return the lock of a manifest, renewing the file when it does not fit.

    Raises LockError, ManifestError for local paths, and InterpreterError.
    """
    check_projects(manifest)
    python = find(str(options.python) if options.python else manifest.bundle.python, manifest.directory)
    file = workspace.lock_file(manifest.bundle.name)
    old = read_data(file)
    _check_upgrades(options.upgrade, old, file)
    reasons = staleness(old, manifest, python)
    if not reasons and options.upgrade == ():
        return _lock(file, old, manifest, python, changes=())
    if not options.may_write:
        raise LockError(
            f"{display(file)} does not fit the manifest: {'; '.join(reasons)}",
            "run `onebin lock` and commit the result",
        )
    _renew(manifest, workspace, old, python, options)
    new = read_data(file)
    # For a first lock, the list of what came would be the lock itself.
    return _lock(file, new, manifest, python, changes=(*reasons, *changed_packages(old, new)) if old else ())


def _check_upgrades(names: tuple[str, ...] | None, old: Mapping[str, Any], file: Path) -> None:
    """Report packages that are to be upgraded and are not in the lock."""
    known = {str(canonicalize_name(package.get("name", ""))) for package in old.get("packages", ())}
    unknown = sorted(name for name in names or () if canonicalize_name(name) not in known)
    if unknown:
        raise LockError(
            f"{display(file)} has no package {', '.join(unknown)}", "upgrade what it has, or add the plugin"
        )


def read(manifest: Manifest, workspace: Workspace) -> Lock | None:
    """Return the lock as it lies there if it fits the manifest, else None; writes nothing."""
    python = find(manifest.bundle.python, manifest.directory)
    file = workspace.lock_file(manifest.bundle.name)
    data = read_data(file)
    return None if staleness(data, manifest, python) else _lock(file, data, manifest, python, changes=())


def _renew(
    manifest: Manifest, workspace: Workspace, old: Mapping[str, Any], python: Interpreter, options: LockOptions
) -> None:
    """Resolve into a private directory and put the finished lock in its place in one move."""
    file = workspace.lock_file(manifest.bundle.name)
    with (
        os_errors(LockError, "write the lock", file),
        scratch() as directory,
    ):
        draft = directory / file.name
        if old and old is not NOT_OURS:  # uv prefers the versions that it finds at its output
            draft.write_text(file.read_text("utf-8"), "utf-8")
        resolve_all = partial(
            uv.compile_lock,
            _requirements(manifest),
            python=python.executable,
            output=draft,
            directory=workspace.directory,
            upgrade=options.upgrade,
            moment=options.moment,
        )
        try:
            lock_sources.resolve(manifest, resolve_all, directory, source=options.source)
        except uv.Failure as failure:
            raise explain(failure, manifest) from failure
        document = tomlkit.parse(draft.read_text("utf-8"))
        lock_sources.check_packages(manifest, document.unwrap()["packages"])
        _make_paths_relative(document, directory, file.parent)
        pins = _resolve_toolchain(directory, python, options)
        own = _own_table(manifest, document.unwrap(), python, pins, file.parent)
        # uv's part as uv writes it; ours by another library, for a table takes tomlkit the square of its rows.
        write(file, f"{tomlkit.dumps(document)}\n{tomli_w.dumps({'tool': {'onebin': own}})}", workspace.cache)


def _requirements(manifest: Manifest) -> list[str]:
    """Return what uv is to resolve; local paths become file URLs, in which no character is special."""
    rows: list[Host | PluginRow] = [manifest.host, *manifest.plugins]
    return [
        _local_requirement(manifest.directory, row) if row.path is not None else row.wanted
        for row in rows
        if row.wanted is not None
    ]


def _local_requirement(directory: Path, row: Host | PluginRow) -> str:
    extras = f"[{','.join(row.extras)}]" if row.extras else ""
    return absolute(directory / str(row.path)).as_uri() + extras


def _make_paths_relative(document: tomlkit.TOMLDocument, scratch: Path, directory: Path) -> None:
    for package in document["packages"]:
        for kind in ("directory", "archive"):
            if kind in package and "path" in package[kind]:
                target = os.path.normpath(scratch / package[kind]["path"])
                package[kind]["path"] = _relative(Path(target), directory)


def _relative(target: Path, directory: Path) -> str:
    try:
        return Path(os.path.relpath(target, directory)).as_posix()
    except ValueError:  # another drive on Windows
        return target.as_posix()


def _resolve_toolchain(scratch: Path, python: Interpreter, options: LockOptions) -> list[dict[str, Any]]:
    draft = scratch / "pylock.toolchain.toml"
    try:
        uv.compile_lock(
            TOOLCHAIN_REQUIREMENTS,
            python=python.executable,
            output=draft,
            directory=scratch,
            moment=options.moment,
            limits=uv.Limits(leave_out=TOOLCHAIN_LEFT_OUT, source=options.source),
        )
    except uv.Failure as failure:
        raise failure.become(LockError, "the toolchain (PyInstaller) cannot be resolved") from failure
    packages = tomllib.loads(draft.read_text("utf-8"))["packages"]
    return [
        {
            "name": package["name"],
            "version": package["version"],
            "hashes": sorted(wheel["hashes"]["sha256"] for wheel in package.get("wheels", ())),
        }
        for package in packages
    ]


def _own_table(
    manifest: Manifest, data: Mapping[str, Any], python: Interpreter, pins: list[dict[str, Any]], lock_dir: Path
) -> dict[str, Any]:
    asked = wanted(manifest)
    local = _local_packages(data, lock_dir)
    host = _answer(manifest.host, local, manifest.directory)
    answers = {row.name: _answer(row, local, manifest.directory) for row in manifest.plugins}
    named = {row: package for row, package in answers.items() if package is not None}
    return {
        "format": FORMAT,
        "manifest-digest": sha256_of([asked, manifest.bundle.python]),
        "python": python.version,
        "python-minor": python.minor,
        "platform": python.platform,
        "host": host,
        "host-wanted": asked["host"],
        "plugins-wanted": asked["plugins"],
        "plugins": named,
        "answers-digest": sha256_of([host, named]),
        "projects": project_digests(manifest),
        "digests": package_digests(data),
        "toolchain-digest": sha256_of(pins),
        "toolchain": pins,
    }


def _local_packages(data: Mapping[str, Any], lock_dir: Path) -> dict[str, str]:
    """Return the names of the packages that are projects or archives on this machine, by their paths."""
    sources = ((each, each.get("directory") or each.get("archive") or {}) for each in data["packages"])
    return {
        os.path.normpath(lock_dir / source["path"]): str(canonicalize_name(each["name"]))
        for each, source in sources
        if "path" in source
    }


def _answer(row: Host | PluginRow, local: Mapping[str, str], directory: Path) -> str | None:
    """Return the locked package that answers a row: by name, or by path when only the project knows its name."""
    if row.wanted is None:
        return None
    if row.path is None:
        return row.distribution
    answer = local.get(os.path.normpath(directory / row.path))
    if answer is None:
        raise LockError(f"the resolution has no package for {row.path}", "this is a bug of onebin: please report it")
    return answer


def _lock(
    file: Path, data: Mapping[str, Any], manifest: Manifest, python: Interpreter, *, changes: tuple[str, ...]
) -> Lock:
    own = data["tool"]["onebin"]
    text = file.read_bytes().decode("utf-8")  # line ends and all: its digest is that of the file
    return Lock(
        file=file,
        text=text,
        digest=sha256_of_file(file),
        interpreter=python,
        packages=tuple(_package(package, file.parent) for package in data["packages"]),
        host=own["host"],
        answers={row: own["plugins"].get(row) for row in own["plugins-wanted"]},
        toolchain=tuple(
            Pin(name=pin["name"], version=pin["version"], hashes=tuple(pin["hashes"])) for pin in own["toolchain"]
        ),
        buildable=lock_sources.buildable(manifest, data["packages"]),
        changes=changes,
    )


def _package(package: Mapping[str, Any], directory: Path) -> LockedPackage:
    source = package.get("directory") or package.get("archive") or {}
    path = source.get("path")
    return LockedPackage(
        name=str(canonicalize_name(package["name"])),
        version=package.get("version"),
        path=None if path is None else Path(os.path.normpath(directory / path)),
        digest=sha256_of(plain(package)),
    )

"""Resolve a manifest into a lock: `pylock.<name>.toml` (PEP 751), created by uv and completed by onebin.

Takes a Manifest and returns a Lock that matches it. Raises ManifestError for local paths that are not projects, and
LockError if requirements conflict or, with `--locked`, if the lock is missing, out of date or edited.

The lock's `[tool.onebin]` table holds what PEP 751 has no place for: what the manifest asked for, which package belongs
to which plugin row, the interpreter, digests that detect edits, and the toolchain with its hashes.
"""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tomli_w
import tomlkit
from packaging.utils import canonicalize_name

from onebin.errors import Finding, LockError, os_errors
from onebin.lock.choices import choice_notices, newest_of
from onebin.lock.conflict import Held, explain
from onebin.lock.file import (
    FORMAT,
    INVALID,
    SUPPORTED_PYINSTALLER,
    changed_packages,
    package_digests,
    parse,
    project_digests,
    read_data,
    staleness,
    wanted,
    write,
)
from onebin.lock.lock import Lock, interpreter_of, lock_from
from onebin.lock.predecessor import find_predecessors
from onebin.lock.resolver import Resolver
from onebin.lock.search import write_draft
from onebin.lock.sources import check_packages
from onebin.manifest import check_projects
from onebin.python import INDEXES, Limits, uv
from onebin.system import absolute, did_you_mean, display, scratch, sha256_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from onebin.manifest import Host, Manifest, PluginRow
    from onebin.python import Interpreter, PackageSource
    from onebin.workspace import Workspace

TOOLCHAIN_REQUIREMENTS = (f"pyinstaller{SUPPORTED_PYINSTALLER}", "pyinstaller-hooks-contrib")

# PyInstaller depends on setuptools but runs without it. If it were importable, PyInstaller would offer setuptools'
# vendored copies to hosts that never asked for them.
TOOLCHAIN_LEFT_OUT = ("setuptools",)


@dataclass(frozen=True, kw_only=True)
class LockOptions:
    """How to resolve.

    With `locked`, or with a wheelhouse as the `source` of packages, the file is never written; with `dry_run`, neither,
    but what would be written is the result. `upgrade` names the
    packages that may get newer versions; None means all. `python` is an interpreter to use instead of the manifest's.
    `moment` is the current time for projects that are built, in seconds since 1970. `like` is the file of a lock whose
    versions are taken over if there is no lock yet. `constraints` limits versions of a lock that is written, such as
    "six<1.17"; `held` says who requires what has such a version because it must not change.
    """

    source: PackageSource = INDEXES
    locked: bool = False
    dry_run: bool = False
    upgrade: tuple[str, ...] | None = ()
    python: Path | None = None
    moment: int
    like: Path | None = None
    constraints: tuple[str, ...] = ()
    held: tuple[Held, ...] = ()

    @property
    def may_write(self) -> bool:
        """Whether the lock may be rewritten if it does not match."""
        return not self.locked and self.source.wheelhouse is None


def resolve(manifest: Manifest, workspace: Workspace, options: LockOptions) -> Lock:
    """Return the lock of a manifest, rewriting the file if it does not match.

    Raises LockError, ManifestError for local paths, and InterpreterError.
    """
    check_projects(manifest)
    python = interpreter_of(
        manifest, workspace.cache, options.python, platform=workspace.platform, source=options.source
    )
    file = workspace.lock_file(manifest.bundle.name)
    old = read_data(file, workspace.cache)
    _check_upgrades(options.upgrade, old, file)
    reasons = staleness(old, manifest, python)
    if not reasons and options.upgrade == ():
        return lock_from(file, old, manifest, python, changes=())
    before = _predecessors(manifest, workspace, options) if not old else {}
    if not options.may_write:
        message = f"it does not match the manifest: {'; '.join(reasons)}"
        command = "`onebin matrix` without --locked" if workspace.cell else "`onebin lock`"
        finding = Finding(display(file), message, f"run {command} and commit the result")
        raise LockError("the lock is out of date", findings=[finding])
    if len(before) == 1:
        ((earlier, old),) = before.items()
        reasons = (f"versions are taken over from {display(earlier)}, which no manifest here uses any more",)
    text, notices = _renew(manifest, workspace, old, python, options)
    if not options.dry_run:
        with os_errors(LockError, "write the lock", file):
            write(file, text, workspace.cache)
    new = parse(text, workspace.cache)
    if old or options.dry_run:
        changes = (*reasons, *changed_packages(old, new))
    else:  # the list of additions would be the lock itself
        changes = tuple(_about_new(file, [*before])) if workspace.lock_dir == workspace.directory else ()
    return lock_from(file, new, manifest, python, text=text, changes=changes, notices=notices)


def _about_new(file: Path, others: Sequence[Path]) -> Iterator[str]:
    """Yield lines about a lock without a predecessor: which `others` could have been that."""
    yield f"{display(file)} is new: commit it"
    if others:
        names = " and ".join(map(display, others))
        again = f"to keep the versions of one, delete the others and {display(file)}, and lock again"
        yield f"no versions are taken over: {names} have no manifest here; {again}"


def _predecessors(manifest: Manifest, workspace: Workspace, options: LockOptions) -> dict[Path, dict[str, Any]]:
    if options.like is None:
        return find_predecessors(manifest, workspace)
    data = read_data(options.like)
    return {} if data is INVALID or not data else {options.like: data}


def _check_upgrades(names: tuple[str, ...] | None, old: Mapping[str, Any], file: Path) -> None:
    """Raise LockError for packages to upgrade that are not in the lock."""
    known = {str(canonicalize_name(package.get("name", ""))) for package in old.get("packages", ())}
    unknown = sorted(name for name in names or () if canonicalize_name(name) not in known)
    if unknown:
        hint = f"upgrade packages in the lock, or add the plugin{did_you_mean(unknown[0], known)}"
        raise LockError(f"{display(file)} has no package {', '.join(unknown)}", hint)


def _renew(
    manifest: Manifest, workspace: Workspace, old: Mapping[str, Any], python: Interpreter, options: LockOptions
) -> tuple[str, tuple[str, ...]]:
    """Resolve in a private directory, and return the text of the finished lock, and notices."""
    file = workspace.lock_file(manifest.bundle.name)
    with (
        os_errors(LockError, "write the lock", file),
        scratch() as directory,
    ):
        draft = directory / file.name
        resolver = Resolver(
            requirements=_requirements(manifest),
            python=python,
            draft=draft,
            scratch=directory,
            directory=workspace.directory,
            old={} if old is INVALID else old,
            upgrade=options.upgrade,
            source=options.source,
            moment=options.moment,
            constraints=options.constraints,
        )
        try:
            held = write_draft(manifest, resolver)
        except uv.Failure as failure:
            known = [str(package["name"]) for package in resolver.old.get("packages", ())]
            newest = partial(newest_of, resolver=resolver)
            machine = "" if python.is_foreign else " for this machine"  # what locks for several adds their names
            raise explain(failure, manifest, newest, known, options.held, machine) from failure
        document = tomlkit.parse(draft.read_text("utf-8"))
        # A lock is for a feature version: another interpreter of that version may install it.
        document["requires-python"] = f">={python.minor}"
        check_packages(manifest, document.unwrap()["packages"])
        notices = choice_notices(manifest, resolver, held, document.unwrap()["packages"])
        _make_paths_relative(document, directory, file.parent)
        pins = _resolve_toolchain(directory, python, options)
        own = _own_table(manifest, document.unwrap(), python, pins, file.parent)
        # uv's part stays as uv wrote it. Ours needs another library: for a table, tomlkit takes quadratic time.
        return f"{tomlkit.dumps(document)}\n{tomli_w.dumps({'tool': {'onebin': own}})}", notices


def host_requirement(manifest: Manifest) -> str:
    """Return the requirement of a manifest's host as uv reads it (PEP 508, or the URL of a local path)."""
    host = manifest.host
    return _local_requirement(manifest.directory, host) if host.path is not None else host.wanted


def _requirements(manifest: Manifest) -> list[str]:
    """Return what uv is to resolve; local paths become file URLs, where no character is special."""
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
    except ValueError:  # on another Windows drive
        return target.as_posix()


def _resolve_toolchain(scratch: Path, python: Interpreter, options: LockOptions) -> list[dict[str, Any]]:
    draft = scratch / "pylock.toolchain.toml"
    try:
        limits = Limits(leave_out=TOOLCHAIN_LEFT_OUT, source=options.source)
        uv.compile_tools(TOOLCHAIN_REQUIREMENTS, python=python, output=draft, limits=limits)
    except uv.Failure as failure:
        raise failure.become(LockError, "cannot resolve the toolchain (PyInstaller)") from failure
    packages = tomllib.loads(draft.read_text("utf-8"))["packages"]
    return [
        {
            "name": package["name"],
            "version": package["version"],
            "hashes": sorted(wheel["hashes"]["sha256"] for wheel in package.get("wheels", ())),
            **({"marker": package["marker"]} if "marker" in package else {}),
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
    """Return the locked package of a row: by name, or by path if only the project knows its name."""
    if row.wanted is None:
        return None
    if row.path is None:
        return row.distribution
    answer = local.get(os.path.normpath(directory / row.path))
    if answer is None:
        raise LockError(f"the resolution has no package for {row.path}", "this is a bug in onebin: please report it")
    return answer

"""Resolve a manifest into a lock: `pylock.<name>.toml` (PEP 751), made by uv and kept by onebin.

Enters: a Manifest. Leaves: a Lock that fits it. Refuses: local paths that are no projects, requirements that exclude
each other, and under `--locked` a lock that is missing, stale or edited.

What PEP 751 does not hold is in the lock's `[tool.onebin]` table: what the manifest wanted, which package answers
which plugin row, the interpreter, digests that betray an edit, and the tool chain with its hashes.
"""

from __future__ import annotations

import os
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NotRequired

import tomlkit
from packaging.utils import canonicalize_name
from pydantic import ConfigDict, TypeAdapter, with_config
from typing_extensions import TypedDict  # pydantic cannot read the standard library's before Python 3.12

from onebin import interpreter as interpreters
from onebin import uv
from onebin.conflict import explain
from onebin.digest import sha256_of, sha256_of_file
from onebin.errors import Finding, LockError, ManifestError, os_errors
from onebin.paths import display

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from onebin.interpreter import Interpreter
    from onebin.manifest import Host, Manifest, PluginRow
    from onebin.paths import Workspace

FORMAT = 1

# Earlier versions have a published privilege hole.
TOOLCHAIN_REQUIREMENTS = ("pyinstaller>=6.22.3", "pyinstaller-hooks-contrib")

# PyInstaller depends on setuptools but runs without it; were it importable, PyInstaller would offer setuptools'
# vendored copies to hosts that never asked for them.
_TOOLCHAIN_LEFT_OUT = ("setuptools",)

_PROJECT_FILES = ("pyproject.toml", "setup.py", "setup.cfg")


class _Pin(TypedDict):
    name: str
    version: str
    hashes: list[str]


_Own = TypedDict(
    "_Own",
    {
        "format": int,
        "host": str,
        "plugins": dict[str, str],
        "plugins-wanted": dict[str, str],
        "projects": dict[str, str],
        "digests": dict[str, str],
        "answers-digest": str,
        "toolchain-digest": str,
        "toolchain": list[_Pin],
    },
)


class _Tool(TypedDict):
    onebin: _Own


class _Package(TypedDict):
    name: str
    version: NotRequired[str]
    directory: NotRequired[dict[str, Any]]
    archive: NotRequired[dict[str, Any]]


@with_config(ConfigDict(strict=True, extra="ignore"))
class _Shape(TypedDict):
    """What must be in a lock for onebin to rely on it; PEP 751 has more, which is uv's business."""

    packages: list[_Package]
    tool: _Tool


_SHAPE: TypeAdapter[_Shape] = TypeAdapter(_Shape)
_NOT_OURS: dict[str, Any] = {"not": "ours"}


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


@dataclass(frozen=True, kw_only=True)
class Pin:
    """One package of the tool chain: exactly this version, with one of these SHA-256 hashes."""

    name: str
    version: str
    hashes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Lock:
    """A lock that fits its manifest and interpreter.

    `digest` is the SHA-256 of the file. `answers` maps each plugin row to the package that answers it, or None for a
    row of modules only. `changes` says in lines for people what this run changed in the file.
    """

    file: Path
    text: str
    digest: str
    interpreter: Interpreter
    packages: tuple[LockedPackage, ...]
    host: str
    answers: Mapping[str, str | None]
    toolchain: tuple[Pin, ...]
    changes: tuple[str, ...] = ()

    @property
    def projects(self) -> tuple[LockedPackage, ...]:
        """The packages that are built from local sources."""
        return tuple(package for package in self.packages if package.is_project)


def resolve(
    manifest: Manifest,
    workspace: Workspace,
    *,
    locked: bool = False,
    offline: bool = False,
    upgrade: Sequence[str] | None = (),
) -> Lock:
    """Return the lock of a manifest, renewing the file when it does not fit.

    `upgrade` names packages that may move to newer versions, None means all. With `locked` the file is never written.
    Raises LockError, ManifestError for local paths, and InterpreterError.
    """
    _refuse_missing_projects(manifest)
    python = interpreters.find(manifest.bundle.python, manifest.directory)
    file = workspace.lock_file(manifest.bundle.name)
    old = _read(file)
    _refuse_unknown_upgrades(upgrade, old, file)
    reasons = staleness(old, manifest, python)
    if not reasons and upgrade == ():
        return _lock(file, old, python, changes=())
    if locked:
        raise LockError(
            f"{display(file)} does not fit the manifest: {'; '.join(reasons)}",
            "run `onebin lock` and commit the result",
        )
    _renew(manifest, workspace, file, old, python, upgrade=upgrade, offline=offline)
    new = _read(file)
    # For a first lock, the list of what came would be the lock itself.
    return _lock(file, new, python, changes=(*reasons, *_changes(old, new)) if old else ())


def _refuse_unknown_upgrades(names: Sequence[str] | None, old: Mapping[str, Any], file: Path) -> None:
    """Report packages that are to be upgraded and are not in the lock."""
    known = {str(canonicalize_name(package.get("name", ""))) for package in old.get("packages", ())}
    unknown = sorted(name for name in names or () if canonicalize_name(name) not in known)
    if unknown:
        raise LockError(
            f"{display(file)} has no package {', '.join(unknown)}", "upgrade what it has, or add the plugin"
        )


def read(manifest: Manifest, workspace: Workspace) -> Lock | None:
    """Return the lock as it lies there if it fits the manifest, else None; writes nothing."""
    python = interpreters.find(manifest.bundle.python, manifest.directory)
    file = workspace.lock_file(manifest.bundle.name)
    data = _read(file)
    return None if staleness(data, manifest, python) else _lock(file, data, python, changes=())


def staleness(data: Mapping[str, Any], manifest: Manifest, python: Interpreter) -> tuple[str, ...]:
    """Say in lines for people why a lock's data does not fit a manifest and an interpreter; empty if it does."""
    if not data:
        return ("there is no lock yet",)
    own = data.get("tool", {}).get("onebin", {})
    if data is _NOT_OURS or own.get("format") != FORMAT:
        return ("it is not what this version of onebin writes",)
    wanted = _wanted(manifest)
    reasons = [
        *_differences("host", {"host": own.get("host-wanted")}, {"host": wanted["host"]}),
        *_differences("plugin", own.get("plugins-wanted", {}), wanted["plugins"]),
        *_differences("project", own.get("projects", {}), _project_digests(manifest)),
        *_differences("python", {"python": own.get("python-minor")}, {"python": python.minor}),
        *_differences("platform", {"platform": own.get("platform")}, {"platform": python.platform}),
        *_edits(data, own),
    ]
    return tuple(reasons)


def _differences(kind: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for name in [*new, *(name for name in old if name not in new)]:
        label = kind if name == kind else f"{kind} {name}"
        if name not in old:
            yield f"{label} was added"
        elif name not in new:
            yield f"{label} was removed"
        elif old[name] != new[name]:
            yield f"{label} changed" if kind == "project" else f"{label} changed: {old[name]} -> {new[name]}"


def _edits(data: Mapping[str, Any], own: Mapping[str, Any]) -> Iterator[str]:
    """Compare the digests that were written with the lock with what it says now."""
    written = own["digests"]
    found = _package_digests(data)
    edited = sorted(name for name in {*written, *found} if written.get(name) != found.get(name))
    if edited:
        yield f"it was edited by hand: {', '.join(edited)}"
    if own["toolchain-digest"] != sha256_of(own["toolchain"]):
        yield "its tool chain was edited by hand"
    named = {own["host"], *own["plugins"].values()}
    answers = sha256_of([own["host"], own["plugins"]])
    if not named <= {canonicalize_name(name) for name in found} or own["answers-digest"] != answers:
        yield "which package answers which row was edited by hand"


def _refuse_missing_projects(manifest: Manifest) -> None:
    """Report every local path that is not there or cannot be installed."""
    rows = [("host", manifest.host), *((f"plugins.{row.name}", row) for row in manifest.plugins)]
    findings = [
        Finding(f"{display(manifest.file)}: {key}.path", message, hint)
        for key, row in rows
        if row.path is not None
        for message, hint in _path_problem(manifest.directory, row.path)
    ]
    if findings:
        raise ManifestError("a local path of the manifest cannot be installed", findings)


def _path_problem(directory: Path, path: str) -> Iterator[tuple[str, str]]:
    target = directory / path
    if not os.path.exists(target):  # noqa: PTH110  # pathlib raises for names that are too long
        yield (
            f"there is nothing at {path}",
            f"it is looked for at {display(target)}; paths are relative to the manifest",
        )
    elif target.is_dir() and not any((target / name).is_file() for name in _PROJECT_FILES):
        yield (
            f"{path} is not a Python project",
            "it has neither pyproject.toml nor setup.py; name the project's own folder",
        )
    elif target.is_dir() and (problem := _project_problem(target)):
        yield f"{path}: {problem}", "mend its pyproject.toml"
    elif target.is_file() and not target.name.endswith((".whl", ".tar.gz")):
        yield (
            f"{path} is a file, but no wheel or source archive",
            "name a project's folder, a .whl or a .tar.gz",
        )


def _project_problem(project: Path) -> str | None:
    """Say why no tool could read a project's metadata (PEP 621), as far as its pyproject.toml tells."""
    file = project / "pyproject.toml"
    try:
        table = tomllib.loads(file.read_text("utf-8")).get("project", {}) if file.is_file() else {}
    except (OSError, ValueError) as error:
        return f"its pyproject.toml cannot be read: {error}"
    if table and not (isinstance(table, dict) and table.get("name")):
        return "its pyproject.toml has a [project] without a name"
    return None


def _wanted(manifest: Manifest) -> dict[str, Any]:
    return {
        "host": manifest.host.wanted,
        "plugins": {row.name: row.wanted or "modules only" for row in manifest.plugins},
    }


def _project_digests(manifest: Manifest) -> dict[str, str]:
    """Digest the files that hold a local project's requirements: its code may change without a new lock."""
    digests = {}
    for row in (manifest.host, *manifest.plugins):
        if row.path is not None:
            target = manifest.directory / row.path
            files = (
                [target / name for name in _PROJECT_FILES if (target / name).is_file()] if target.is_dir() else [target]
            )
            digests[row.path] = sha256_of([[file.name, sha256_of_file(file)] for file in files])
    return digests


def _renew(
    manifest: Manifest,
    workspace: Workspace,
    file: Path,
    old: Mapping[str, Any],
    python: Interpreter,
    *,
    upgrade: Sequence[str] | None,
    offline: bool,
) -> None:
    """Resolve into a private directory and put the finished lock in its place in one move."""
    with (
        os_errors(LockError, "write the lock", file),
        tempfile.TemporaryDirectory(prefix="onebin-lock-") as scratch,
    ):
        draft = Path(scratch) / file.name
        if old and old is not _NOT_OURS:  # uv prefers the versions that it finds at its output
            draft.write_text(file.read_text("utf-8"), "utf-8")
        try:
            uv.compile_lock(
                _requirements(manifest),
                python=python.executable,
                output=draft,
                directory=workspace.directory,
                upgrade=upgrade,
                offline=offline,
            )
        except uv.Failure as failure:
            raise explain(failure, manifest) from failure
        document = tomlkit.parse(draft.read_text("utf-8"))
        _make_paths_relative(document, Path(scratch), file.parent)
        pins = _resolve_toolchain(Path(scratch), python, offline=offline)
        document["tool"] = {"onebin": _own_table(manifest, document.unwrap(), python, pins, file.parent)}
        _replace(file, tomlkit.dumps(document))


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
    return Path(os.path.abspath(directory / str(row.path))).as_uri() + extras  # noqa: PTH100  # keep the user's symlinks


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


def _resolve_toolchain(scratch: Path, python: Interpreter, *, offline: bool) -> list[dict[str, Any]]:
    draft = scratch / "pylock.toolchain.toml"
    try:
        uv.compile_lock(
            TOOLCHAIN_REQUIREMENTS,
            python=python.executable,
            output=draft,
            directory=scratch,
            leave_out=_TOOLCHAIN_LEFT_OUT,
            offline=offline,
        )
    except uv.Failure as failure:
        raise failure.become(LockError, "the tool chain (PyInstaller) cannot be resolved") from failure
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
    wanted = _wanted(manifest)
    host = _answer(manifest.host, data, manifest.directory, lock_dir)
    answers = {row.name: _answer(row, data, manifest.directory, lock_dir) for row in manifest.plugins}
    named = {row: package for row, package in answers.items() if package is not None}
    return {
        "format": FORMAT,
        "manifest-digest": sha256_of([wanted, manifest.bundle.python]),
        "python": python.version,
        "python-minor": python.minor,
        "platform": python.platform,
        "host": host,
        "host-wanted": wanted["host"],
        "plugins-wanted": wanted["plugins"],
        "plugins": named,
        "answers-digest": sha256_of([host, named]),
        "projects": _project_digests(manifest),
        "digests": _package_digests(data),
        "toolchain-digest": sha256_of(pins),
        "toolchain": pins,
    }


def _answer(row: Host | PluginRow, data: Mapping[str, Any], directory: Path, lock_dir: Path) -> str | None:
    """Return the locked package that answers a row: by name, or by path when only the project knows its name."""
    if row.wanted is None:
        return None
    if row.path is None:
        return row.distribution
    target = os.path.normpath(directory / row.path)
    for package in data["packages"]:
        source = package.get("directory") or package.get("archive") or {}
        if "path" in source and os.path.normpath(lock_dir / source["path"]) == target:
            return str(canonicalize_name(package["name"]))
    raise LockError(f"the resolution has no package for {row.path}", "this is a bug of onebin: please report it")


def _package_digests(data: Mapping[str, Any]) -> dict[str, str]:
    """Digest each package's entry, shortened: they betray a slip of the hand, the hashes guard against an attacker."""
    return {package.get("name", "?"): sha256_of(_plain(package))[:16] for package in data["packages"]}


def _plain(value: Any) -> Any:
    """Return TOML data with its dates as text, so that it can be digested."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value if isinstance(value, str | int | float | bool) else str(value)


def _replace(file: Path, text: str) -> None:
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", newline="\n", dir=file.parent, prefix=".pylock-", delete=False
    ) as out:
        draft = Path(out.name)
        try:
            out.write(text)
            out.close()
            draft.chmod(0o644)
            draft.replace(file)
        finally:
            draft.unlink(missing_ok=True)


def _read(file: Path) -> dict[str, Any]:
    """Return the lock's data; empty if there is none, and `_NOT_OURS` if it can only be made anew."""
    try:
        data = tomllib.loads(file.read_text("utf-8"))
        _SHAPE.validate_python(data)
    except FileNotFoundError:
        return {}
    except ValueError:  # not UTF-8, not TOML, or not what onebin writes
        return _NOT_OURS
    except OSError as error:
        message = f"cannot read the lock {display(file)}: {(error.strerror or str(error)).lower()}"
        raise LockError(message, "move it away, or mend its owner and mode") from error
    return data


def _lock(file: Path, data: Mapping[str, Any], python: Interpreter, *, changes: tuple[str, ...]) -> Lock:
    own = data["tool"]["onebin"]
    text = file.read_text("utf-8")
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
        changes=changes,
    )


def _package(package: Mapping[str, Any], directory: Path) -> LockedPackage:
    source = package.get("directory") or package.get("archive") or {}
    path = source.get("path")
    return LockedPackage(
        name=str(canonicalize_name(package["name"])),
        version=package.get("version"),
        path=None if path is None else Path(os.path.normpath(directory / path)),
        digest=sha256_of(_plain(package)),
    )


def _changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Say which packages came, went or moved."""
    before = {
        p["name"]: p.get("version", "local") for p in old.get("packages", ()) if isinstance(p, dict) and "name" in p
    }
    after = {p["name"]: p.get("version", "local") for p in new["packages"]}
    return [
        *(f"+ {name} {after[name]}" for name in after if name not in before),
        *(f"- {name} {before[name]}" for name in before if name not in after),
        *(
            f"~ {name} {before[name]} -> {after[name]}"
            for name in after
            if before.get(name, after[name]) != after[name]
        ),
    ]

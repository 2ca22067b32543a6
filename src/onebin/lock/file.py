"""The lock's file: what onebin keeps in it beside PEP 751, how it is read and written, and whether it still fits.

Everything in it may have been edited, merged or made by another tool, so it is checked for its shape as a whole, and
compared with digests that were written with it: they betray a slip of the hand, the hashes guard against an attacker.
"""

from __future__ import annotations

import tomllib
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any, NotRequired

from packaging.utils import canonicalize_name
from pydantic import ConfigDict, TypeAdapter, with_config
from typing_extensions import TypedDict  # pydantic cannot read the standard library's before Python 3.12

from onebin.errors import LockError
from onebin.lock.sources import refused
from onebin.manifest import PROJECT_FILES
from onebin.system import display, sha256_of, sha256_of_file, write_atomic

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from onebin.cache import Cache
    from onebin.manifest import Manifest
    from onebin.python import Interpreter

FORMAT = 1


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


NOT_OURS: dict[str, Any] = {"not": "ours"}


def read_data(file: Path) -> dict[str, Any]:
    """Return the lock's data; empty if there is none, and `NOT_OURS` if it can only be made anew."""
    try:
        return parse(file.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except UnicodeDecodeError:
        return NOT_OURS
    except OSError as error:
        message = f"cannot read the lock {display(file)}: {(error.strerror or str(error)).lower()}"
        raise LockError(message, "move it away, or mend its owner and mode") from error


def parse(text: str) -> dict[str, Any]:
    """Return the data in a lock's text, or `NOT_OURS` if it is not TOML or not what onebin writes."""
    try:
        data = tomllib.loads(text)
        TypeAdapter(_Shape).validate_python(data)
    except (ValueError, RecursionError):  # brackets can be nested deeper than the parser can go
        return NOT_OURS
    return data


def staleness(data: Mapping[str, Any], manifest: Manifest, python: Interpreter) -> tuple[str, ...]:
    """Say in lines for people why a lock's data does not fit a manifest and an interpreter; empty if it does."""
    if not data:
        return ("there is no lock yet",)
    own = data.get("tool", {}).get("onebin", {})
    if data is NOT_OURS or own.get("format") != FORMAT:
        return ("it is not what this version of onebin writes",)
    asked = wanted(manifest)
    reasons = [
        *_differences("host", {"host": own.get("host-wanted")}, {"host": asked["host"]}),
        *_differences("plugin", own.get("plugins-wanted", {}), asked["plugins"]),
        *_differences("project", own.get("projects", {}), project_digests(manifest)),
        *_differences("python", {"python": own.get("python-minor")}, {"python": python.minor}),
        *_differences("platform", {"platform": own.get("platform")}, {"platform": python.platform}),
        *_edits(data, own),
        *(f"{name} has no wheel, and is not in [lock] allow-source" for name in refused(manifest, data["packages"])),
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
    found = package_digests(data)
    edited = sorted(name for name in {*written, *found} if written.get(name) != found.get(name))
    if edited:
        yield f"it was edited by hand: {', '.join(edited)}"
    if own["toolchain-digest"] != sha256_of(own["toolchain"]):
        yield "its toolchain was edited by hand"
    named = {own["host"], *own["plugins"].values()}
    answers = sha256_of([own["host"], own["plugins"]])
    if not named <= {canonicalize_name(name) for name in found} or own["answers-digest"] != answers:
        yield "which package answers which row was edited by hand"


def wanted(manifest: Manifest) -> dict[str, Any]:
    """Return what a manifest asks of the resolver: the host's requirement, and each row's."""
    return {
        "host": manifest.host.wanted,
        "plugins": {row.name: row.wanted or "modules only" for row in manifest.plugins},
    }


def project_digests(manifest: Manifest) -> dict[str, str]:
    """Digest the files that hold a local project's requirements: its code may change without a new lock."""
    digests = {}
    for row in (manifest.host, *manifest.plugins):
        if row.path is not None:
            target = manifest.directory / row.path
            files = (
                [target / name for name in PROJECT_FILES if (target / name).is_file()] if target.is_dir() else [target]
            )
            digests[row.path] = sha256_of([[file.name, sha256_of_file(file)] for file in files])
    return digests


def package_digests(data: Mapping[str, Any]) -> dict[str, str]:
    """Digest each package's entry, shortened: they betray a slip of the hand, the hashes guard against an attacker."""
    return {package.get("name", "?"): sha256_of(plain(package))[:16] for package in data["packages"]}


def plain(value: Any) -> Any:
    """Return TOML data with its dates as text, so that it can be digested."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value if isinstance(value, str | int | float | bool) else str(value)


def changed_packages(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
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


def write(file: Path, text: str, cache: Cache) -> None:
    """Write a lock in one move, after other writers of that file; raises OSError."""
    with _guarded(file, cache):
        write_atomic(file, text, mode=0o644)


@contextmanager
def _guarded(file: Path, cache: Cache) -> Iterator[None]:
    """Keep other writers of a file out; a cache in which that cannot be done is for the stage to report."""
    with ExitStack() as held:
        with suppress(OSError):
            held.enter_context(cache.guard(f"lock-{sha256_of(str(file))}"))
        yield

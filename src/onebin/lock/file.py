"""The lock file: what onebin stores in it in addition to PEP 751, how to read and write it, and whether it is current.

It may have been edited, merged or written by another tool. So its structure is checked as a whole, and its content is
compared with the digests written with it. The digests detect accidental edits; hashes protect against attackers.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any

from onebin import __version__
from onebin.errors import LockError
from onebin.lock.sources import disallowed
from onebin.manifest import PROJECT_FILES
from onebin.system import canonical_name, display, parse_toml, read_text, sha256_of, sha256_of_file, write_atomic

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from onebin.cache import Cache
    from onebin.manifest import Manifest
    from onebin.python import Interpreter

FORMAT = 1
_KIND = "locks-read"

# The versions of PyInstaller whose files the driver knows how to patch, tested at each end. Versions before the first
# have a published privilege-escalation vulnerability.
SUPPORTED_PYINSTALLER = ">=6.22.3,<6.23"


INVALID: dict[str, Any] = {"invalid": True}


def read_data(file: Path, cache: Cache | None = None) -> dict[str, Any]:
    """Return the lock's data; empty if there is no lock, and `INVALID` if it must be created from scratch.

    With a cache, the form of a text that was valid before is not checked again. Raises LockError for a text that is not
    TOML: it may be a merge conflict, and hold versions that somebody wants to keep.
    """
    try:
        text = read_text(file)
        data = parse(text, cache)
        if data is INVALID:
            parse_toml(text)
    except FileNotFoundError:
        return {}
    except ValueError as error:
        reason = "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
        again = "run `onebin lock`, or `onebin matrix` if it is the lock of a cell"
        hint = f"if this is a merge conflict, resolve it; otherwise, delete the file and {again}"
        raise LockError(f"the lock {display(file)} is not TOML: {reason}", hint) from error
    except OSError as error:
        message = f"cannot read the lock {display(file)}: {(error.strerror or str(error)).lower()}"
        raise LockError(message, "move it away, or fix its owner and mode") from error
    return data


def parse(text: str, cache: Cache | None = None) -> dict[str, Any]:
    """Return the data in a lock's text, or `INVALID` if it is not TOML or was not written by onebin."""
    try:
        data = parse_toml(text)
        if cache is None:
            _check_form(data)
        else:
            cache.once(_KIND, sha256_of([text, FORMAT, __version__]), lambda: _check_form(data))
    except ValueError:
        return INVALID
    return data


def _check_form(data: dict[str, Any]) -> None:
    from onebin.lock.form import check_form  # noqa: PLC0415  # pydantic is slow to load

    check_form(data)


def staleness(data: Mapping[str, Any], manifest: Manifest, python: Interpreter) -> tuple[str, ...]:
    """Return the reasons, as lines to print, why a lock's data does not match a manifest and an interpreter."""
    if not data:
        return ("there is no lock yet",)
    own = data.get("tool", {}).get("onebin", {})
    if data is INVALID or own.get("format") != FORMAT:
        return ("this version of onebin did not write it",)
    asked = wanted(manifest)
    reasons = [
        *_differences("host", {"host": own.get("host-wanted")}, {"host": asked["host"]}),
        *_differences("plugin", own.get("plugins-wanted", {}), asked["plugins"]),
        *_differences("project", own.get("projects", {}), project_digests(manifest)),
        *_differences("python", {"python": own.get("python-minor")}, {"python": python.minor}),
        *_differences("platform", {"platform": own.get("platform")}, {"platform": python.platform}),
        *_edits(data, own),
        *_unsupported(own["toolchain"]),
        *(f"{name} has no wheel, and is not in [lock] allow-source" for name in disallowed(manifest, data["packages"])),
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
    """Yield a reason for each part of the lock that no longer matches the digest written with it."""
    written = own["digests"]
    found = package_digests(data)
    edited = sorted(name for name in {*written, *found} if written.get(name) != found.get(name))
    if edited:
        yield f"it was edited by hand: {', '.join(edited)}"
    if own["toolchain-digest"] != sha256_of(own["toolchain"]):
        yield "its toolchain was edited by hand"
    named = {own["host"], *own["plugins"].values()}
    answers = sha256_of([own["host"], own["plugins"]])
    if not named <= {canonical_name(name) for name in found} or own["answers-digest"] != answers:
        yield "its mapping of rows to packages was edited by hand"


def _unsupported(toolchain: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    from packaging.specifiers import SpecifierSet  # noqa: PLC0415  # slow to load, and asked only of a lock that fits

    supported = SpecifierSet(SUPPORTED_PYINSTALLER)
    for pin in toolchain:
        if pin["name"] == "pyinstaller" and not supported.contains(pin["version"], prereleases=True):
            yield f"its PyInstaller {pin['version']} is not supported: onebin needs {SUPPORTED_PYINSTALLER}"


def wanted(manifest: Manifest) -> dict[str, Any]:
    """Return what a manifest asks the resolver for: the host's requirement, and each row's."""
    return {
        "host": manifest.host.wanted,
        "plugins": {row.name: row.wanted or "modules only" for row in manifest.plugins},
    }


def project_digests(manifest: Manifest) -> dict[str, str]:
    """Digest the files with a local project's requirements; changes in its code do not need a new lock."""
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
    """Digest each package's entry, shortened: this detects accidental edits; hashes protect against attackers."""
    return {package.get("name", "?"): sha256_of(plain(package))[:16] for package in data["packages"]}


def plain(value: Any) -> Any:
    """Return TOML data with its dates as strings, so that it can be hashed."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value if isinstance(value, str | int | float | bool) else str(value)


def changed_packages(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return a line for each package that was added, removed or changed."""
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
    """Write a lock atomically, after other writers of that file; raises OSError."""
    with _guarded(file, cache):
        write_atomic(file, text, mode=0o644)


@contextmanager
def _guarded(file: Path, cache: Cache) -> Iterator[None]:
    """Keep other writers of a file out. If the cache does not allow that, a later stage reports it."""
    with ExitStack() as held:
        with suppress(OSError):
            held.enter_context(cache.guard(f"lock-{sha256_of(str(file))}"))
        yield

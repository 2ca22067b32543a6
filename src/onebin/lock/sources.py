"""Which packages of a lock may be built from source. A build runs their code, so the manifest must allow them by name.

What the manifest itself names by a path, a git repository or a URL is the user's own and may be built. From an index,
only wheels are accepted, and a source distribution only if `[lock] allow-source` has its name.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name

from onebin.errors import LockError
from onebin.python import uv
from onebin.system import absolute, display, redact

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from onebin.manifest import Host, Manifest, PluginRow
    from onebin.python import PackageSource

ANY = "*"
_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
# uv's messages for a package that it would have to build: in a resolution, and for one with a URL.
_NEEDED = re.compile(rf"Wheels are required for `({_NAME})` because building from source is disabled")
_DISABLED = re.compile(rf"Building source distributions for `({_NAME})` is disabled")
_ADDRESS = re.compile(rf"`({_NAME})(?:\[[^\]]*\])? @ ([^`\s]+)`")


def buildable(manifest: Manifest, packages: Sequence[Mapping[str, Any]]) -> frozenset[str] | None:
    """Return the names of locked packages that uv may build; None means all.

    They are those that the manifest names by path or URL, and those without a wheel that it allows.
    """
    if ANY in manifest.lock.allow_source:
        return None
    built = {str(canonicalize_name(each["name"])) for each in packages if _is_local_source(each) or _is_source(each)}
    return frozenset(built - set(disallowed(manifest, packages)))


def disallowed(manifest: Manifest, packages: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the locked packages that would be built from source and are neither allowed nor the manifest's own.

    Folders are on this machine already. A repository or an archive may be a dependency of a local project; it does not
    count as the manifest's own.
    """
    if ANY in manifest.lock.allow_source:
        return []
    own = {row.distribution for row in _rows(manifest) if " @ " in (row.wanted or "")}
    sources = {str(canonicalize_name(each["name"])) for each in packages if _is_source(each)}
    return sorted(sources - own - _allowed(manifest))


def check_packages(manifest: Manifest, packages: Sequence[Mapping[str, Any]]) -> None:
    """Raise LockError for packages that may not be locked: source from elsewhere, and URLs with credentials."""
    names = disallowed(manifest, packages)
    if names:
        raise _disallowed_error(manifest, names)
    _check_logins(manifest, packages)


def _check_logins(manifest: Manifest, packages: Sequence[Mapping[str, Any]]) -> None:
    """Reject credentials in requirements of local projects; the manifest's own requirements are checked already."""
    found = [str(each["name"]) for each in packages if redact(repr(each), {}) != repr(each)]
    if found:
        raise LockError(
            f"{display(manifest.file)}: a requirement has credentials in its URL: {', '.join(found)}",
            "remove them, and keep them in git's credential helper or a .netrc file: a lock must not contain secrets",
        )


def resolve(manifest: Manifest, attempt: Callable[..., None], scratch: Path, *, source: PackageSource) -> None:
    """Call `attempt(limits=...)` until all packages that it may not build are known; raises LockError and uv.Failure.

    uv stops at the first package without a wheel. That package is then left out and the rest resolved, so that all of
    them are reported together.
    """
    if ANY in manifest.lock.allow_source:
        attempt(limits=uv.Limits(build=None, source=source))
        return
    build = {str(row.distribution) for row in _rows(manifest) if _is_built(row.wanted or "") and not row.path}
    missing: set[str] = set()
    while True:
        excludes = scratch / "excludes.txt" if missing else None
        if excludes:
            excludes.write_text("".join(f"{name}\n" for name in sorted(missing)), "utf-8")
        try:
            attempt(limits=uv.Limits(build=build, excludes=excludes, source=source))
        except uv.Failure as failure:
            said = " ".join(failure.raw.split())  # uv wraps lines, even in the middle of a phrase
            found = _without_wheel(said)
            own = {name for name in found if _is_own(name, said, manifest)} | (found & _allowed(manifest))
            if found <= build | missing:  # nothing new: it failed for another reason
                raise
            build |= own
            missing |= found - own
        else:
            break
    if missing:
        raise _disallowed_error(manifest, sorted(missing))


def _disallowed_error(manifest: Manifest, names: Sequence[str]) -> LockError:
    """Return the error that lists packages without a wheel, with how to allow them."""
    lines = "\n".join(f"  {name}" for name in names)
    listed = ", ".join(f'"{name}"' for name in [*manifest.lock.allow_source, *names])
    subject = "a package has" if len(names) == 1 else f"{len(names)} packages have"
    return LockError(
        f"{display(manifest.file)}: {subject} no wheel, and building from source runs their code\n{lines}",
        f"ask for versions with wheels, or allow the packages: [lock] allow-source = [{listed}]",
    )


def _rows(manifest: Manifest) -> list[Host | PluginRow]:
    return [manifest.host, *manifest.plugins]


def _allowed(manifest: Manifest) -> set[str]:
    return {str(canonicalize_name(name)) for name in manifest.lock.allow_source}


def _is_local_source(package: Mapping[str, Any]) -> bool:
    return "directory" in package or not str(package.get("archive", {}).get("path", "x.whl")).endswith(".whl")


def _is_source(package: Mapping[str, Any]) -> bool:
    """Return whether a locked package is a repository, or an archive from elsewhere that is not a wheel."""
    if "vcs" in package:
        return True
    url = str(package.get("archive", {}).get("url", "x.whl"))
    return ("sdist" in package and not package.get("wheels")) or not url.partition("#")[0].endswith(".whl")


def _is_built(wanted: str) -> bool:
    """Return whether a requirement is a URL, and not that of a wheel."""
    return " @ " in wanted and not wanted.partition("#")[0].endswith(".whl")


def _without_wheel(said: str) -> set[str]:
    return {str(canonicalize_name(name)) for name in (*_NEEDED.findall(said), *_DISABLED.findall(said))}


def _is_own(name: str, said: str, manifest: Manifest) -> bool:
    """Return whether uv's message is about a package at a path that the manifest names."""
    addresses = [address for found, address in _ADDRESS.findall(said) if canonicalize_name(found) == name]
    own = {absolute(manifest.directory / row.path).as_uri() for row in _rows(manifest) if row.path}
    return not own.isdisjoint(addresses)

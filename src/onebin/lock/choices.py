"""Say which locked versions may surprise, and why: older ones that have a wheel, and pre-releases.

uv does not report which versions it skipped. So it is asked for the newest release of each package, which reads no
metadata and builds nothing, and then whether that release would fit if everything else stays as it is locked. What uv
cannot answer (an index fails, or uv is offline) is not reported.
"""

from __future__ import annotations

import tomllib
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from onebin.errors import LockError
from onebin.lock.resolver import Resolver, without_wheel
from onebin.python import PackageSource, uv
from onebin.system import scratch, tell

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from onebin.manifest import Manifest
    from onebin.python import Interpreter


_SHOWN = 5  # versions in a hint: each costs a call of uv


@dataclass(frozen=True, kw_only=True)
class HeldBack:
    """A package whose `newest` version that fits has no wheel, so that the older `taken` was locked."""

    name: str
    taken: str
    newest: str


def held_back(
    resolver: Resolver, build: Collection[str], packages: Sequence[Mapping[str, Any]]
) -> tuple[HeldBack, ...]:
    """Return the packages of which an older version was locked because newer ones have no wheel."""
    taken = {name: version for name, version in _versions(packages).items() if name not in build}
    with suppress(uv.Failure):
        newest = resolver.newest(list(taken))
        suspects = [name for name in taken if name in newest and _is_newer_source(newest[name], taken[name])]
        found = (_held_back(name, taken, resolver, build) for name in suspects)
        return tuple(each for each in found if each is not None)
    return ()


def newest_releases(
    names: Sequence[str], python: Interpreter, directory: Path, source: PackageSource
) -> dict[str, str]:
    """Return the newest final release of each package that an index has, for an interpreter.

    A package that no index has is left out. Settings of uv are those for a directory. Raises LockError if an index does
    not answer.
    """
    with scratch() as place:
        output = place / "pylock.newest.toml"
        found: dict[str, str] = {}
        for name in names:  # one by one, as a single unknown one would fail all
            try:
                uv.list_newest([name], python=python, output=output, directory=directory, source=source, final=True)
                found |= _versions(tomllib.loads(output.read_text("utf-8"))["packages"])
            except uv.Failure as failure:
                if failure.fault is not None:
                    raise failure.become(LockError, f"the newest release of {name} is not known") from failure
            output.unlink(missing_ok=True)
        return found


def releases(name: str, versions: str, python: Interpreter, directory: Path, source: PackageSource) -> tuple[str, ...]:
    """Return the final releases of a package within a version specifier, the newest first, for an interpreter.

    Settings of uv are those for a directory.
    """
    found: list[str] = []
    with scratch() as place, suppress(uv.Failure):
        output = place / "pylock.releases.toml"
        while True:  # until uv finds no older one
            older = f"<{Version(found[-1]).public}" if found else ""
            wanted = f"{name}{','.join(filter(None, (versions, older)))}"
            uv.list_newest([wanted], python=python, output=output, directory=directory, source=source, final=True)
            found.append(_versions(tomllib.loads(output.read_text("utf-8"))["packages"])[name])
            output.unlink()
            tell(f"{name} {found[-1]}")
    return tuple(found)


def cached_releases(name: str, python: Interpreter, directory: Path) -> list[str]:
    """Return the newest releases of a package as far as uv knows them without a network, the newest first."""
    with scratch() as place:
        resolver = Resolver(
            requirements=(),
            python=python,
            draft=place / "pylock.draft.toml",
            scratch=place,
            directory=directory,
            upgrade=(),
            source=PackageSource(offline=True),
            moment=0,
        )
        return newest_of(name, resolver)


def choice_notices(
    manifest: Manifest, resolver: Resolver, held: Sequence[HeldBack], packages: Sequence[Mapping[str, Any]]
) -> tuple[str, ...]:
    """Return a line for each package that was held back, and for each pre-release."""
    versions = _versions(packages)
    pre_releases = [name for name, version in versions.items() if Version(version).is_prerelease]
    return (
        *(
            f"{each.name} {each.taken} is locked and not {each.newest}, which has no wheel for this machine; to build "
            f"it from source: {_allowing(each.name, manifest)}`onebin lock --upgrade {each.name}`"
            for each in held
        ),
        *(
            f"{name} {versions[name]} is a pre-release: {_reason(name, manifest, resolver, packages)}"
            for name in pre_releases
        ),
    )


def _versions(packages: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return the versions of the packages that come from an index, by name."""
    local = ("directory", "archive", "vcs")
    return {
        str(canonicalize_name(each["name"])): str(each["version"])
        for each in packages
        if "version" in each and not any(kind in each for kind in local)
    }


def _is_newer_source(release: Mapping[str, Any], taken: str) -> bool:
    """Return whether a release is newer than a version and has no wheel for the interpreter: uv lists no others."""
    return Version(release["version"]) > Version(taken) and not release.get("wheels")


def _held_back(name: str, taken: Mapping[str, str], resolver: Resolver, build: Collection[str]) -> HeldBack | None:
    """Return whether newer versions of a package fit but have no wheel, with the newest of them; raises Failure."""
    others = [f"{other}=={version}" for other, version in taken.items() if other != name]
    if not _lacks_wheel(name, f">{Version(taken[name]).public}", others, resolver, build):
        return None
    for release in _releases(name, resolver):
        if not _is_newer_source(release, taken[name]):
            return None
        if _lacks_wheel(name, f"=={release['version']}", others, resolver, build):
            return HeldBack(name=name, taken=taken[name], newest=release["version"])
    return None


def _releases(name: str, resolver: Resolver) -> Iterator[Mapping[str, Any]]:
    """Yield the releases of a package, the newest first; raises Failure after the last."""
    limit = ""
    while True:
        release = resolver.newest([f"{name}{limit}"])[name]
        yield release
        limit = f"<{release['version']}"


def newest_of(name: str, resolver: Resolver) -> list[str]:
    """Return the newest versions of a package that uv finds for the interpreter, the newest first."""
    found: list[str] = []
    with suppress(uv.Failure):
        found.extend(str(each["version"]) for each in islice(_releases(name, resolver), _SHOWN))  # as far as it gets
    return found


def _lacks_wheel(name: str, versions: str, others: Sequence[str], resolver: Resolver, build: Collection[str]) -> bool:
    """Return whether a package's versions could be locked with the others if they had wheels."""
    try:
        resolver.attempt(build, constraints=[*others, f"{name}{versions}"])
    except uv.Failure as failure:
        return name in without_wheel(failure)
    return False


def _allowing(name: str, manifest: Manifest) -> str:
    """Return how to allow a package, followed by "then"; empty if it is allowed already."""
    allowed = manifest.lock.allow_source
    if name in {str(canonicalize_name(each)) for each in allowed}:
        return ""
    listed = ", ".join(f'"{each}"' for each in [*allowed, name])
    return f"[lock] allow-source = [{listed}], then "


def _reason(name: str, manifest: Manifest, resolver: Resolver, packages: Sequence[Mapping[str, Any]]) -> str:
    """Return why a pre-release was locked."""
    for label, wanted in _wanted(manifest):
        if _names_pre_release(wanted, name):
            return f"{label} requires {wanted}"
    try:
        release = resolver.newest([name], final=True)[name]
    except uv.Failure:
        return "it has no final release"
    if not release.get("wheels"):
        return f"its newest final release, {release['version']}, has no wheel for this machine"
    built = [str(each["name"]) for each in packages if not each.get("wheels")]
    others = [f"{other}=={version}" for other, version in _versions(packages).items() if other != name]
    with suppress(uv.Failure):
        resolver.attempt(built, constraints=[*others, f"{name}=={release['version']}"])
        return "uv's settings allow pre-releases"
    return "no final release fits what requires it"


def _wanted(manifest: Manifest) -> Iterator[tuple[str, str]]:
    """Yield each requirement of the manifest, with a label of its row."""
    yield "host", manifest.host.wanted or ""
    yield from ((f"plugin {row.name}", row.wanted or "") for row in manifest.plugins)


def _names_pre_release(wanted: str, name: str) -> bool:
    """Return whether a requirement is for a package and names a pre-release of it."""
    try:
        requirement = Requirement(wanted)
    except InvalidRequirement:  # a local path
        return False
    return canonicalize_name(requirement.name) == name and bool(requirement.specifier.prereleases)

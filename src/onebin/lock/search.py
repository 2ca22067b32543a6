"""Find out what must be built from source, without building what the manifest does not allow.

uv stops at the first package without a wheel, and it also names packages that only had no wheel in old versions that it
tried. Both are solved by leaving packages out and resolving the rest.
"""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name
from packaging.version import Version

from onebin.lock.choices import held_back
from onebin.lock.conflict import requiring
from onebin.lock.resolver import without_wheel
from onebin.lock.sources import ANY, allowed_in, disallowed_error, is_built, is_source, rows_of
from onebin.python import uv
from onebin.system import absolute, nearest

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from onebin.lock.choices import HeldBack
    from onebin.lock.resolver import Resolver
    from onebin.manifest import Manifest

_ADDRESS = re.compile(r"`([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)(?:\[[^\]]*\])? @ ([^`\s]+)`")


def write_draft(manifest: Manifest, resolver: Resolver) -> tuple[HeldBack, ...]:
    """Write the draft of the lock, and return what was held back; raises LockError and uv.Failure.

    A package that is allowed is built only if it must be, or if its newest release has no wheel. One that is not
    allowed is left out and the rest resolved, to report all of them together.
    """
    if ANY in manifest.lock.allow_source:
        resolver.lock(None)
        return ()
    allowed = allowed_in(manifest)
    build = {str(row.distribution) for row in rows_of(manifest) if is_built(row.wanted or "") and not row.path}
    build |= {name for name in _built_before(resolver) & allowed if resolver.keeps(name)}
    missing: set[str] = set()
    names = [str(row.distribution) for row in rows_of(manifest)]
    while True:
        try:
            packages = resolver.lock(build, without=missing)
        except uv.Failure as failure:
            own = {name for name in without_wheel(failure) - build if _is_own(name, failure, manifest)}
            needed = own or needed_sources(failure, resolver, build, without=missing)
            needed = needed or _one_of(failure, resolver, build, without=missing, rows=names, allowed=allowed)
            if needed <= build | missing:  # nothing new: it failed for another reason
                raise
            build |= needed & (own | allowed)
            missing |= needed - own - allowed
            continue
        if missing:
            found = {str(canonicalize_name(each["name"])) for each in packages}
            via = _requiring(missing, manifest, resolver, build)
            unused = next((each for each in sorted(allowed - found) if nearest(each, missing)), "")
            machine = (
                "" if resolver.python.is_foreign else " for this machine"
            )  # what locks for several adds their names
            raise disallowed_error(manifest, sorted(missing), via=via, unused=unused, machine=machine)
        held = held_back(resolver, build, packages)
        newer = {each.name for each in held if each.name in allowed and not resolver.keeps(each.name)}
        if not newer:
            return held
        build |= newer


def _requiring(
    missing: Collection[str], manifest: Manifest, resolver: Resolver, build: Collection[str]
) -> dict[str, tuple[str, str]]:
    """Return where the manifest names what requires each of these packages, and what that is, by what uv says."""
    found = {}
    for name in missing:
        try:
            resolver.attempt(build, without={*missing} - {name})
        except uv.Failure as failure:
            found[name] = requiring(name, failure, manifest)
    return found


def _built_before(resolver: Resolver) -> set[str]:
    """Return the packages that the existing lock takes from source."""
    return {str(canonicalize_name(each["name"])) for each in resolver.old.get("packages", ()) if is_source(each)}


def needed_sources(
    failure: uv.Failure, resolver: Resolver, build: Collection[str], *, without: Collection[str]
) -> set[str]:
    """Return the packages that a resolution would really take from source, of those that uv names; raises Failure.

    When uv finds no solution, it has also tried old versions, and names packages that only had no wheel then. So all
    of them are left out, and put back one by one: a package that is then resolved to a wheel is not missing. One that
    nothing requires yet is tried again when those that may require it are back.
    """
    seen = without_wheel(failure)
    left_out, needed = set(seen), set[str]()
    progress = True
    while progress:
        progress = False
        for name in sorted(left_out - needed):
            rest = left_out - {name}
            try:
                found = _attempt(failure, resolver, build, without=without, rest=rest)
            except uv.Failure as other:
                blamed = without_wheel(other)
                if not blamed - seen and name not in blamed:
                    raise
                if blamed - seen:
                    left_out |= blamed - seen
                    seen |= blamed
                else:
                    needed.add(name)
                progress = True
            else:
                if name in found:
                    left_out.remove(name)
                    progress = True
    return needed


def _one_of(
    failure: uv.Failure,
    resolver: Resolver,
    build: Collection[str],
    *,
    without: Collection[str],
    rows: Sequence[str],
    allowed: Collection[str],
) -> set[str]:
    """Return the package to take from source if any one of those that uv names would do; an empty set if none does.

    So it is if each version of a host requires another package without a wheel. One that is allowed is preferred, then
    the one with the newest versions of what the manifest names, in the order of its rows.
    """
    found = {}
    for name in sorted(without_wheel(failure)):
        with contextlib.suppress(uv.Failure):
            packages = resolver.attempt(build, without={*without, name})
            versions = {str(canonicalize_name(each["name"])): each.get("version") for each in packages}
            found[name] = [Version(versions.get(row) or "0") for row in rows]
    best = max(found, key=lambda name: (name in allowed, found[name]), default=None)
    return set() if best is None else {best}


def _attempt(
    failure: uv.Failure, resolver: Resolver, build: Collection[str], *, without: Collection[str], rest: set[str]
) -> set[str]:
    """Return the names of what is resolved without the packages in `rest`; with all of them, that failed before."""
    if not rest:
        raise failure
    found = resolver.attempt(build, without={*without, *rest})
    return {str(canonicalize_name(each["name"])) for each in found}


def _is_own(name: str, failure: uv.Failure, manifest: Manifest) -> bool:
    """Return whether uv's message is about a package at a path that the manifest names."""
    said = " ".join(failure.raw.split())  # uv wraps lines, even in the middle of a phrase
    addresses = [address for found, address in _ADDRESS.findall(said) if canonicalize_name(found) == name]
    own = {absolute(manifest.directory / row.path).as_uri() for row in rows_of(manifest) if row.path}
    return not own.isdisjoint(addresses)

"""Which packages of a lock may be built from source. A build runs their code, so the manifest must allow them by name.

What the manifest itself names by a path, a git repository or a URL is the user's own and may be built. From an index,
only wheels are accepted, and a source distribution only if `[lock] allow-source` has its name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from onebin.errors import Finding, LockError
from onebin.manifest import keyed
from onebin.system import canonical_name, display, nearest, redact

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from onebin.manifest import Host, Manifest, PluginRow

ANY = "*"


def buildable(manifest: Manifest, packages: Sequence[Mapping[str, Any]]) -> frozenset[str] | None:
    """Return the names of locked packages that uv may build; None means all.

    They are those that the manifest names by path or URL, and those without a wheel that it allows.
    """
    if ANY in manifest.lock.allow_source:
        return None
    built = {canonical_name(each["name"]) for each in packages if _is_local_source(each) or is_source(each)}
    return frozenset(built - set(disallowed(manifest, packages)))


def disallowed(manifest: Manifest, packages: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the locked packages that would be built from source and are neither allowed nor the manifest's own.

    Folders are on this machine already. A repository or an archive may be a dependency of a local project; it does not
    count as the manifest's own.
    """
    if ANY in manifest.lock.allow_source:
        return []
    own = {row.distribution for row in rows_of(manifest) if " @ " in (row.wanted or "")}
    sources = {canonical_name(each["name"]) for each in packages if is_source(each)}
    return sorted(sources - own - allowed_in(manifest))


def check_packages(manifest: Manifest, packages: Sequence[Mapping[str, Any]]) -> None:
    """Raise LockError for packages that may not be locked: source from elsewhere, and URLs with credentials."""
    names = disallowed(manifest, packages)
    if names:
        raise disallowed_error(manifest, names)
    _check_logins(manifest, packages)


def _check_logins(manifest: Manifest, packages: Sequence[Mapping[str, Any]]) -> None:
    """Reject credentials in requirements of local projects; the manifest's own requirements are checked already."""
    found = [str(each["name"]) for each in packages if redact(repr(each), {}) != repr(each)]
    if found:
        where = [_where(name, manifest) or display(manifest.file) for name in found]
        raise LockError(
            f"a requirement has credentials in its URL: {', '.join(found)}",
            findings=[Finding(place, f"the URL of {name}") for place, name in zip(where, found, strict=True)],
            hint="remove it, and keep it in git's credential helper or a .netrc file: a lock must not contain secrets",
        )


def disallowed_error(
    manifest: Manifest,
    names: Sequence[str],
    *,
    via: Mapping[str, tuple[str, str]] | None = None,
    unused: str = "",
    machine: str = " for this machine",
) -> LockError:
    """Return the error that lists packages without a wheel, with how to allow them.

    `via` says for packages where the manifest names what requires them, and what that is. `unused` is a name in
    `allow-source` that is not needed: one of the packages is probably meant. `machine` says what there is no wheel for.
    """
    allow = keyed(display(manifest.file), "lock", "allow-source")
    kept = [name for name in manifest.lock.allow_source if canonical_name(name) != unused]
    listed = ", ".join(f'"{name}"' for name in [*kept, *names])
    subject = "a package has" if len(names) == 1 else f"{len(names)} packages have"
    near = nearest(unused, names)
    typo = f"{unused} in allow-source is not needed: did you mean {near}? otherwise, " if near else ""
    findings = []
    for name in names:
        place, required = (via or {}).get(name, ("", ""))
        what = f"{name}{required}{',' if required else ''} has no wheel{machine}"
        findings.append(Finding(_where(name, manifest) or place or allow, what))
    return LockError(
        f"{subject} no wheel, and building from source runs their code",
        f"{typo}ask for versions with wheels, or allow the packages: [lock] allow-source = [{listed}]",
        findings=findings,
    )


def _where(package: str, manifest: Manifest) -> str | None:
    """Return where the manifest names a package, if it does."""
    name = canonical_name(package)
    return next((manifest.where(row) for row in rows_of(manifest) if row.distribution == name), None)


def rows_of(manifest: Manifest) -> list[Host | PluginRow]:
    """Return the host's row, followed by those of the plugins."""
    return [manifest.host, *manifest.plugins]


def allowed_in(manifest: Manifest) -> set[str]:
    """Return the names in `[lock] allow-source`."""
    return {canonical_name(name) for name in manifest.lock.allow_source}


def _is_local_source(package: Mapping[str, Any]) -> bool:
    return "directory" in package or not str(package.get("archive", {}).get("path", "x.whl")).endswith(".whl")


def is_source(package: Mapping[str, Any]) -> bool:
    """Return whether a locked package is a repository, or an archive from elsewhere that is not a wheel."""
    if "vcs" in package:
        return True
    url = str(package.get("archive", {}).get("url", "x.whl"))
    return ("sdist" in package and not package.get("wheels")) or not url.partition("#")[0].endswith(".whl")


def is_built(wanted: str) -> bool:
    """Return whether a requirement is a URL, and not that of a wheel."""
    return " @ " in wanted and not wanted.partition("#")[0].endswith(".whl")

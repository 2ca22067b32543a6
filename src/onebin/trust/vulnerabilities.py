"""Compare the packages of an artifact or a lock with known vulnerabilities, without using the network.

Takes an artifact's card or a lock, and advisories (see `osv`). Returns an Audit: what is affected, and what could not
be checked, such as the interpreter and its libraries, which these advisories do not cover.
"""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003  # pydantic reads the types of these fields
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from onebin import card
from onebin.errors import Finding, LockError
from onebin.system import absolute, display, read_toml
from onebin.trust.osv import read_advisories

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from onebin.trust.osv import Advisory


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What is audited: packages and toolchain with their versions; `unchecked` says what advisories do not cover.

    `local` are the packages that do not come from an index.
    """

    name: str
    packages: Mapping[str, str]
    local: frozenset[str]
    tools: Mapping[str, str]
    unchecked: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Vulnerability:
    """An affected package. `aliases` are all other names of the advisory; `unclear` says why it may not be affected.

    `is_tool` means that it belongs to the toolchain, of which an artifact only has the bootloader; `is_local`, that it
    does not come from an index.
    """

    package: str
    version: str
    id: str
    aliases: tuple[str, ...]
    summary: str
    severity: str | None
    fixed: str | None
    unclear: str | None
    is_tool: bool
    is_local: bool

    @property
    def names(self) -> frozenset[str]:
        """All names of the advisory."""
        return frozenset((self.id, *self.aliases))

    @property
    def finding(self) -> Finding:
        """The same as a finding, in words."""
        names = f"{self.id} ({', '.join(self.aliases)})" if self.aliases else self.id
        parts = [names, self.severity, self.summary, self.unclear]
        return Finding(f"{self.package} {self.version}", ": ".join(part for part in parts if part), self._hint)

    @property
    def _hint(self) -> str:
        if self.fixed is None:
            return "read the advisory: it names no fixed version"
        if self.is_local:
            return f"fixed in {self.fixed}: it is not from an index; build with sources of that version"
        return f"fixed in {self.fixed}: onebin lock --upgrade{'' if self.is_tool else f' {self.package}'}"


@dataclass(frozen=True, kw_only=True)
class Audit:
    """The result: how many advisories were compared with how many packages, and what was found."""

    subject: Subject
    advisories: int
    vulnerabilities: tuple[Vulnerability, ...]


def of_artifact(file: Path) -> Subject:
    """Return the contents of an artifact, read from its card without running it; raises ArtifactError."""
    facts = card.check(file)
    python = facts["interpreter"]
    packages = {str(canonicalize_name(each["name"])): each["version"] for each in facts["distributions"]}
    local = [str(canonicalize_name(each["name"])) for each in facts["distributions"] if each["source"] != "index"]
    tools = {str(canonicalize_name(each["name"])): each["version"] for each in facts["toolchain"]}
    return Subject(
        name=facts["bundle"]["name"],
        packages=packages,
        local=frozenset(local),
        tools=tools,
        unchecked=(_interpreter(f"{python['implementation']} {python['version']}"),),
    )


def of_lock(file: Path) -> Subject:
    """Return the contents of a lock (PEP 751), with the toolchain if it is onebin's; raises LockError."""
    try:
        data = read_toml(file)
        rows = [(str(canonicalize_name(row["name"])), row.get("version")) for row in data["packages"]]
        own = data.get("tool", {}).get("onebin", {})
        tools = {str(canonicalize_name(pin["name"])): str(pin["version"]) for pin in own.get("toolchain", ())}
    except OSError as error:
        raise LockError(
            f"cannot read the lock {display(file)}: {(error.strerror or str(error)).lower()}", "pass a pylock.*.toml"
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LockError(f"{display(file)} is not a lock (PEP 751)", "pass a pylock.*.toml") from error
    local = [f"{name}: the lock has no version of it" for name, version in rows if not isinstance(version, str)]
    return Subject(
        name=display(file),
        packages={name: version for name, version in rows if isinstance(version, str)},
        local=frozenset(),
        tools=tools,
        unchecked=(*local, _interpreter(f"CPython {own['python']}" if "python" in own else "the interpreter")),
    )


def _interpreter(name: str) -> str:
    return f"{name}, its libraries (OpenSSL, SQLite, ...) and the C library: they are not PyPI packages"


def audit(
    *,
    databases: Sequence[Path],
    artifact: Path | None = None,
    lock: Path | None = None,
    added: Mapping[str, str] | None = None,
    unchecked: Sequence[str] = (),
) -> Audit:
    """Look for known vulnerabilities in an artifact, without running it, or in a lock (PEP 751).

    `databases` are files, folders or archives of advisories in OSV format. `added` are packages beside those in it,
    such as those of side-cars, with their versions; `unchecked` says what else there is. Raises ArtifactError,
    LockError and AdvisoryError, and TypeError unless either `artifact` or `lock` is given.
    """
    if lock is not None and artifact is None:
        subject = of_lock(absolute(lock))
    elif artifact is not None and lock is None:
        subject = of_artifact(absolute(artifact))
    else:
        raise TypeError("give either artifact or lock")
    packages = {**(added or {}), **subject.packages}
    subject = replace(subject, packages=packages, unchecked=(*subject.unchecked, *unchecked))
    return compare(subject, read_advisories([absolute(path) for path in databases]))


def compare(subject: Subject, advisories: Sequence[Advisory]) -> Audit:
    """Compare each package with its advisories; advisories with a name in common count as one."""
    found = sorted(_affected(subject, advisories), key=lambda each: (each.package, each.id))
    return Audit(subject=subject, advisories=len(advisories), vulnerabilities=tuple(_merged(found)))


def _affected(subject: Subject, advisories: Iterable[Advisory]) -> Iterator[Vulnerability]:
    for advisory in advisories:
        own = subject.packages.get(advisory.package)
        version = own or subject.tools.get(advisory.package)
        if version is None:
            continue
        unclear = None
        try:
            if not advisory.affects(version):
                continue
            fixed = advisory.fixed_after(version)
        except ValueError as error:  # InvalidVersion, or a number too long for int()
            fixed, unclear = None, f"unclear whether this version is affected ({error})"
        yield Vulnerability(
            package=advisory.package,
            version=version,
            id=advisory.id,
            aliases=advisory.aliases,
            summary=advisory.summary,
            severity=advisory.severity,
            fixed=fixed,
            unclear=unclear,
            is_tool=own is None,
            is_local=own is not None and advisory.package in subject.local,
        )


def _merged(found: Sequence[Vulnerability]) -> Iterator[Vulnerability]:
    """Merge a package's vulnerabilities whose names overlap, because databases copy from each other."""
    for group in _groups(found):
        names = frozenset().union(*(each.names for each in group))
        first = next((each for each in group if each.severity), group[0])
        yield replace(
            first,
            aliases=tuple(sorted(names - {first.id})),
            summary=next((each.summary for each in group if each.summary), ""),
            fixed=next((each.fixed for each in group if each.fixed), None),
            unclear=first.unclear if all(each.unclear for each in group) else None,
        )


def _groups(found: Iterable[Vulnerability]) -> Iterator[list[Vulnerability]]:
    """Yield the vulnerabilities of a package that have names in common, directly or by others, in time linear in them.

    Each time two groups become one, the smaller is added to the larger.
    """
    groups: dict[tuple[str, str], list[Vulnerability]] = {}
    for each in found:
        joined = {id(group): group for name in each.names if (group := groups.get((each.package, name)))}
        largest = max(joined.values(), key=len, default=[])
        added = [each, *(other for group in joined.values() if group is not largest for other in group)]
        largest += added
        groups.update({(each.package, name): largest for other in added for name in other.names})
    for group in {id(group): group for group in groups.values()}.values():
        yield sorted(group, key=lambda each: each.id)

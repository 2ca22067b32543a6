"""Advisories in the OSV format: read them from files, folders and exports, and compare a version with them.

Takes the path of a .json file, of a folder of them, or of a .zip as osv.dev exports it, and returns the advisories on
packages of PyPI. Raises AdvisoryError with all files that are not advisories. The format is
https://ossf.github.io/osv-schema/ (1.x).
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NotRequired

from packaging.utils import canonicalize_name
from packaging.version import Version
from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict  # pydantic cannot read the standard library's before Python 3.12

from onebin.errors import AdvisoryError, Finding
from onebin.system import display, megabytes, opened, read_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

ECOSYSTEM = "PyPI"
_SHOWN = 50
_LARGEST = 16_000_000  # bytes per advisory; real ones have a few kilobytes
_MOST = 1_000_000_000  # bytes of all advisories together; those on PyPI's packages have a tenth of that
_ZIP_PROBLEMS = (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError)  # encrypted, unknown compression


class _Package(TypedDict):
    ecosystem: str
    name: str


class _Range(TypedDict):
    type: str
    events: list[dict[str, str]]


class _Affected(TypedDict):
    package: NotRequired[_Package]
    ranges: NotRequired[list[_Range] | None]
    versions: NotRequired[list[str] | None]


class _Severity(TypedDict):
    type: str
    score: str


@with_config(ConfigDict(extra="ignore"))
class _Record(TypedDict):
    """The parts of an advisory that onebin reads; the schema has more."""

    id: str
    modified: str
    summary: NotRequired[str]
    aliases: NotRequired[list[str] | None]
    withdrawn: NotRequired[str | None]
    severity: NotRequired[list[_Severity] | None]
    affected: NotRequired[list[_Affected] | None]
    database_specific: NotRequired[dict[str, Any] | None]


_RECORD: TypeAdapter[_Record] = TypeAdapter(_Record)


@dataclass(frozen=True, kw_only=True)
class Advisory:
    """One advisory on one package: its names, its text, and the versions it affects.

    `severity` is the database's word ("HIGH") or a CVSS vector. `ranges` have events, each a kind and a version.
    """

    id: str
    aliases: tuple[str, ...]
    summary: str
    severity: str | None
    package: str
    versions: tuple[str, ...]
    ranges: tuple[tuple[tuple[str, str], ...], ...]

    def affects(self, version: str) -> bool:
        """Return whether a version (PEP 440) is affected, either listed or in a range; raises InvalidVersion."""
        wanted = Version(version)
        if any(_equal(listed, wanted) for listed in self.versions):
            return True
        return any(_is_inside(wanted, events) for events in self.ranges)

    def fixed_after(self, version: str) -> str | None:
        """Return the lowest fixed version above this one, or None if the advisory does not know one."""
        fixed = [value for events in self.ranges for kind, value in events if kind == "fixed"]
        later = [value for value in fixed if _is_version(value) and Version(value) > Version(version)]
        return min(later, key=Version, default=None)


def read_advisories(paths: Iterable[Path]) -> list[Advisory]:
    """Return the advisories on PyPI packages that are not withdrawn; raises AdvisoryError with everything wrong."""
    found: list[Advisory] = []
    findings: list[Finding] = []
    seen = 0
    left = _MOST
    for where, content in _documents(paths, findings):
        seen += 1
        left -= len(content)
        if left < 0:
            findings.append(
                Finding(where, f"there are more than {megabytes(_MOST)} of advisories", "give fewer of them")
            )
            break
        try:
            record = _RECORD.validate_json(content)
        except ValidationError as error:
            findings.append(Finding(where, _problem(error), "remove it, or download the advisories again"))
        else:
            if not record.get("withdrawn"):
                found += _of_record(record)
    if not seen and not findings:
        where = ", ".join(display(path) for path in paths)
        findings.append(Finding(where, "it has no advisories", "give a .json file, a folder, or a .zip of them"))
    if findings:
        more = [Finding("...", f"and {len(findings) - _SHOWN} more")] if len(findings) > _SHOWN else []
        raise AdvisoryError("cannot read the advisories", [*findings[:_SHOWN], *more])
    return found


def _documents(paths: Iterable[Path], findings: list[Finding]) -> Iterator[tuple[str, bytes]]:
    """Yield where each advisory is, and its bytes; add a finding for each one that cannot be read."""
    for path in paths:
        try:
            if path.is_dir():
                for file in sorted(path.rglob("*.json")):
                    yield display(file), read_bytes(file, most=_LARGEST)
            elif path.suffix == ".zip":
                with opened(path) as stored, zipfile.ZipFile(stored) as archive:
                    for entry in archive.infolist():
                        if entry.filename.endswith(".json"):
                            with archive.open(entry) as stream:
                                yield f"{display(path)}: {entry.filename}", _limited(stream.read(_LARGEST + 1))
            else:
                yield display(path), read_bytes(path, most=_LARGEST)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            findings.append(Finding(display(path), f"it cannot be read: {reason}", "check the path given with --db"))
        except (*_ZIP_PROBLEMS, ValueError) as error:
            findings.append(Finding(display(path), f"it cannot be read: {error}", "download it again"))


def _limited(content: bytes) -> bytes:
    if len(content) > _LARGEST:
        raise ValueError(f"a file in it is larger than {megabytes(_LARGEST)}, too large for an advisory")
    return content


def _problem(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    place = ".".join(map(str, first["loc"]))
    return f"it is not an OSV advisory: {place + ': ' if place else ''}{first['msg']}"


def _of_record(record: _Record) -> Iterator[Advisory]:
    for affected in record.get("affected") or ():
        package = affected.get("package")
        if package is None or package["ecosystem"].partition(":")[0] != ECOSYSTEM:
            continue
        ranges = [each for each in affected.get("ranges") or () if each["type"] == "ECOSYSTEM"]
        yield Advisory(
            id=record["id"],
            aliases=tuple(record.get("aliases") or ()),
            summary=record.get("summary", ""),
            severity=_severity(record),
            package=str(canonicalize_name(package["name"])),
            versions=tuple(affected.get("versions") or ()),
            ranges=tuple(tuple(_events(each["events"])) for each in ranges),
        )


def _severity(record: _Record) -> str | None:
    word: object = (record.get("database_specific") or {}).get("severity")
    scores = [each["score"] for each in record.get("severity") or ()]
    return word if isinstance(word, str) else scores[-1] if scores else None


def _events(events: Sequence[Mapping[str, str]]) -> Iterator[tuple[str, str]]:
    return ((kind, value) for event in events for kind, value in event.items())


def _is_inside(version: Version, events: Sequence[tuple[str, str]]) -> bool:
    """Walk a range's events in the order of their versions, like the evaluation algorithm of the schema."""
    limits = [value for kind, value in events if kind == "limit"]
    if limits and not any(limit == "*" or version < Version(limit) for limit in limits):
        return False
    inside = False
    for at, kind in sorted((_position(value), kind) for kind, value in events if kind != "limit"):
        if kind == "introduced" and (at is _START or version >= at[1]):
            inside = True
        elif (kind == "fixed" and version >= at[1]) or (kind == "last_affected" and version > at[1]):
            inside = False
    return inside


_START = (0, Version("0.dev0"))


def _position(value: str) -> tuple[int, Version]:
    """Return the sort key of an event; "0" is before every version."""
    return _START if value == "0" else (1, Version(value))


def _equal(listed: str, version: Version) -> bool:
    return _is_version(listed) and Version(listed) == version


def _is_version(value: str) -> bool:
    try:
        Version(value)
    except ValueError:  # InvalidVersion, or a number too long for int()
        return False
    return True

"""Advisories in the OSV format: read from files, folders and exports, and held against one version.

Enters: a path to a .json file, a folder of them, or a .zip as osv.dev exports it. Leaves: the advisories on packages of
PyPI. Refuses, all together: files that are no advisories. The format is https://ossf.github.io/osv-schema/ (1.x).
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NotRequired

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version
from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict  # pydantic cannot read the standard library's before Python 3.12

from onebin.errors import AdvisoryError, Finding
from onebin.system import display

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

ECOSYSTEM = "PyPI"
_SHOWN = 50
_LARGEST = 16 * 1024 * 1024  # bytes of one advisory; real ones have some kilobytes
_ZIP_PROBLEMS = (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError)  # also: encrypted, odd compression


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
    """What is read of an advisory; the schema has more."""

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
    """One advisory on one package: its names, what it says, and which versions it is about.

    `severity` is the database's word ("HIGH"), or a CVSS vector. `ranges` have events, each a kind and a version.
    """

    id: str
    aliases: tuple[str, ...]
    summary: str
    severity: str | None
    package: str
    versions: tuple[str, ...]
    ranges: tuple[tuple[tuple[str, str], ...], ...]

    def affects(self, version: str) -> bool:
        """Tell whether a version (PEP 440) is affected: listed, or in a range; raises InvalidVersion."""
        wanted = Version(version)
        if any(_equal(listed, wanted) for listed in self.versions):
            return True
        return any(_is_inside(wanted, events) for events in self.ranges)

    def fixed_after(self, version: str) -> str | None:
        """Return the lowest version above this one in which it is fixed, if the advisory knows one."""
        fixed = [value for events in self.ranges for kind, value in events if kind == "fixed"]
        later = [value for value in fixed if _is_version(value) and Version(value) > Version(version)]
        return min(later, key=Version, default=None)


def read_advisories(paths: Iterable[Path]) -> list[Advisory]:
    """Return the advisories on packages of PyPI that are not withdrawn; raises AdvisoryError with all that is wrong."""
    found: list[Advisory] = []
    findings: list[Finding] = []
    seen = 0
    for where, content in _documents(paths, findings):
        seen += 1
        try:
            record = _RECORD.validate_json(content)
        except ValidationError as error:
            findings.append(Finding(where, _problem(error), "take it out, or fetch the advisories again"))
        else:
            if not record.get("withdrawn"):
                found += _of_record(record)
    if not seen and not findings:
        where = ", ".join(display(path) for path in paths)
        findings.append(Finding(where, "there is no advisory in it", "name a .json file, a folder, or a .zip of them"))
    if findings:
        more = [Finding("...", f"and {len(findings) - _SHOWN} more")] if len(findings) > _SHOWN else []
        raise AdvisoryError("the advisories cannot be read", [*findings[:_SHOWN], *more])
    return found


def _documents(paths: Iterable[Path], findings: list[Finding]) -> Iterator[tuple[str, bytes]]:
    """Yield each advisory's place and bytes; what cannot be read becomes a finding."""
    for path in paths:
        try:
            if path.is_dir():
                for file in sorted(path.rglob("*.json")):
                    yield display(file), _limited(file.read_bytes())
            elif path.suffix == ".zip":
                with zipfile.ZipFile(path) as archive:
                    for entry in archive.infolist():
                        if entry.filename.endswith(".json"):
                            with archive.open(entry) as stream:
                                yield f"{display(path)}: {entry.filename}", _limited(stream.read(_LARGEST + 1))
            else:
                yield display(path), _limited(path.read_bytes())
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            findings.append(Finding(display(path), f"it cannot be read: {reason}", "check the path given with --db"))
        except (*_ZIP_PROBLEMS, ValueError) as error:
            findings.append(Finding(display(path), f"it cannot be read: {error}", "fetch it again"))


def _limited(content: bytes) -> bytes:
    if len(content) > _LARGEST:
        raise ValueError(f"a file in it has more than {_LARGEST} bytes, which no advisory has")
    return content


def _problem(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    place = ".".join(map(str, first["loc"]))
    return f"it is no OSV advisory: {place + ': ' if place else ''}{first['msg']}"


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
    """Walk a range's events in the order of their versions, as the schema's evaluation does."""
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
    """Return where an event stands: "0" is before every version."""
    return _START if value == "0" else (1, Version(value))


def _equal(listed: str, version: Version) -> bool:
    return _is_version(listed) and Version(listed) == version


def _is_version(value: str) -> bool:
    try:
        Version(value)
    except InvalidVersion:
        return False
    return True

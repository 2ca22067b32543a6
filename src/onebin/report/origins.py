"""Where the parts of an artifact come from, according to its card: packages and their licences, tools and lock."""

from __future__ import annotations

from typing import TYPE_CHECKING, NotRequired

from packaging.utils import canonicalize_name
from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypedDict  # pydantic cannot read the standard library's before Python 3.12

from onebin.card import other_licences
from onebin.lock import parse
from onebin.report.contents import roles_of
from onebin.report.sections import Licence, PackageOrigin, Provenance
from onebin.system import redact

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from onebin.card import Facts, Report


_Source = TypedDict("_Source", {"url": str, "path": str, "commit-id": str, "hashes": dict[str, str]}, total=False)


class _Entry(TypedDict):
    """What a package of a lock (PEP 751) says about where it comes from."""

    name: str
    vcs: NotRequired[_Source]
    archive: NotRequired[_Source]
    directory: NotRequired[_Source]
    wheels: NotRequired[list[_Source]]
    sdist: NotRequired[_Source]


def licences_of(report: Report) -> tuple[Licence, ...]:
    """Return the licences of each distribution, and of what else is in the artifact."""
    own = [
        Licence(
            name=each["name"],
            version=each["version"],
            licences=tuple(each["licences"]),
            files=tuple(each["licence_files"]),
        )
        for each in report["distributions"]
    ]
    # Name and version are one text there.
    others = [(*title.rpartition(" ")[::2], licence) for title, licence in other_licences(report)]
    return (
        *own,
        *(Licence(name=name, version=version, licences=(licence,), files=()) for name, version, licence in others),
    )


def provenance_of(facts: Facts, report: Report, sha256: str) -> Provenance:
    """Return what an artifact was made from; `sha256` is that of its file."""
    return Provenance(
        sha256=sha256,
        lock_sha256=report["lock_sha256"],
        onebin=report["onebin"],
        interpreter=report["interpreter"],
        toolchain=tuple(report["toolchain"]),
        build=facts["build"],
        packages=tuple(_packages(report)),
        manifest=redact(report["manifest"]),
    )


def _packages(report: Report) -> Iterator[PackageOrigin]:
    locked, roles = _entries(report["lock"]), roles_of(report)
    for each in report["distributions"]:
        name = str(canonicalize_name(each["name"]))
        place = _place(locked[name], each["sha256"]) if name in locked else None
        yield PackageOrigin(
            name=each["name"],
            version=each["version"],
            role=roles[name],
            source=each["source"],
            place=None if place is None else redact(place),
            sha256=tuple(each["sha256"]),
        )


def _entries(lock: str) -> dict[str, _Entry]:
    """Return the packages of a lock by canonical name; of one that is not in order, none."""
    try:
        entries = TypeAdapter(list[_Entry]).validate_python(parse(lock).get("packages", []))
    except ValidationError:
        return {}
    return {str(canonicalize_name(entry["name"])): entry for entry in entries}


def _place(entry: _Entry, sha256: Sequence[str]) -> str | None:
    """Return the URL or path of a package; of several archives, that with one of these digests."""
    archives = [*entry.get("wheels", []), *([entry["sdist"]] if "sdist" in entry else [])]
    used = [each for each in archives if each.get("hashes", {}).get("sha256") in sha256]
    none: _Source = {}
    source = entry.get("vcs") or entry.get("archive") or entry.get("directory") or [*used, *archives, none][0]
    place = source.get("url") or source.get("path")
    commit = source.get("commit-id")
    return f"{place}@{commit}" if place and commit else place

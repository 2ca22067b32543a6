"""Advisories in OSV format: which versions they affect, and the errors for invalid files."""

from __future__ import annotations

import json
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
from packaging.version import InvalidVersion

from onebin.errors import AdvisoryError
from onebin.trust import osv

if TYPE_CHECKING:
    from pathlib import Path


def record(**changed: Any) -> dict[str, Any]:
    """Return a shortened advisory from osv.dev: the sandbox breakout in Jinja2, GHSA-cpwx-vrp4-4pq7."""
    return {
        "schema_version": "1.6.0",
        "id": "GHSA-cpwx-vrp4-4pq7",
        "modified": "2025-03-06T12:00:00Z",
        "published": "2025-03-05T20:40:14Z",
        "aliases": ["CVE-2025-27516"],
        "summary": "Jinja2 vulnerable to sandbox breakout through attr filter selecting format method",
        "details": "...",
        "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H"}],
        "affected": [
            {
                "package": {"ecosystem": "PyPI", "name": "Jinja2", "purl": "pkg:pypi/jinja2"},
                "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "3.1.6"}]}],
                "database_specific": {"last_known_affected_version_range": "<= 3.1.5"},
            }
        ],
        "references": [{"type": "WEB", "url": "https://nvd.nist.gov/vuln/detail/CVE-2025-27516"}],
        "database_specific": {"severity": "MODERATE", "cwe_ids": ["CWE-1336"]},
        **changed,
    }


def affected(*, versions: list[str] | None = None, ranges: list[dict[str, Any]] | None = None) -> list[dict[str, Any]]:
    """Return the part of an advisory about one package."""
    return [{"package": {"ecosystem": "PyPI", "name": "jinja2"}, "versions": versions, "ranges": ranges}]


def written(folder: Path, *records: dict[str, Any]) -> Path:
    """Write each record into a file named after its ID."""
    folder.mkdir(exist_ok=True)
    for each in records:
        folder.joinpath(f"{each['id']}.json").write_text(json.dumps(each), "utf-8")
    return folder


def ecosystem(*events: dict[str, str]) -> list[dict[str, Any]]:
    """Return a range of versions."""
    return [{"type": "ECOSYSTEM", "events": list(events)}]


FROM_2_TO_3 = ecosystem({"introduced": "2.0"}, {"fixed": "3.0"})
TWICE = ecosystem({"introduced": "1.0"}, {"fixed": "1.5"}, {"introduced": "2.0"}, {"fixed": "2.5"})
SHUFFLED = ecosystem({"fixed": "2.5"}, {"introduced": "2.0"}, {"fixed": "1.5"}, {"introduced": "1.0"})
UP_TO = ecosystem({"introduced": "0"}, {"last_affected": "2.7"})
LIMITED = ecosystem({"introduced": "0"}, {"limit": "2.0"})


@pytest.mark.parametrize(
    ("ranges", "inside", "outside"),
    [
        (FROM_2_TO_3, ["2.0", "2.0.post1", "2.9.9", "3.0rc1", "3.0.dev1"], ["1.9", "2.0rc1", "3.0", "3.0.1", "10.0"]),
        (ecosystem({"introduced": "0"}), ["0.0.1.dev1", "1.0", "99"], []),
        (TWICE, ["1.0", "1.4", "2.0", "2.4.9"], ["0.9", "1.5", "1.9", "2.5", "3"]),
        (SHUFFLED, ["1.0", "1.4", "2.0", "2.4.9"], ["0.9", "1.5", "1.9", "2.5", "3"]),
        (UP_TO, ["0.1", "2.7", "2.7.0"], ["2.7.1", "2.7.post1", "2.10"]),
        (LIMITED, ["1.9"], ["2.0", "2.1"]),
        ([{"type": "GIT", "repo": "https://x", "events": [{"introduced": "0"}]}], [], ["1.0"]),
        ([*FROM_2_TO_3, *ecosystem({"introduced": "4"}, {"fixed": "4.1"})], ["2.5", "4.0.1"], ["3.5", "4.1"]),
    ],
    ids=["fixed", "never-fixed", "twice", "shuffled", "last-affected", "limit", "git", "two-ranges"],
)
def test_ranges_are_evaluated_in_the_order_of_versions(
    tmp_path: Path, ranges: list[dict[str, Any]], inside: list[str], outside: list[str]
) -> None:
    """The events of a range are ordered by PEP 440: 2.10 is after 2.9, and a pre-release before its release."""
    (advisory,) = osv.read_advisories([written(tmp_path / "db", record(affected=affected(ranges=ranges)))])
    assert [version for version in [*inside, *outside] if advisory.affects(version)] == inside


def test_listed_versions_are_affected_however_they_are_written(tmp_path: Path) -> None:
    """Listed versions count as well as ranges; 1.0 equals 1.0.0, and an entry that is not a version is ignored."""
    listed = affected(versions=["1.0.0", "v2.1-rc1", "2004d"], ranges=FROM_2_TO_3)
    (advisory,) = osv.read_advisories([written(tmp_path / "db", record(affected=listed))])
    versions = ("1.0", "1.0.1", "2.1rc1", "2.5", "3.0")
    assert [each for each in versions if advisory.affects(each)] == ["1.0", "2.1rc1", "2.5"]


def test_names_and_severity_are_read(tmp_path: Path) -> None:
    """Names are normalised (PEP 503), the database's severity comes before a CVSS vector, and the next fix is known."""
    vector_only = record(id="PYSEC-0000-1", database_specific={"source": "x"})
    named, plain = osv.read_advisories([written(tmp_path / "db", record(), vector_only)])
    assert (named.package, named.severity, named.aliases) == ("jinja2", "MODERATE", ("CVE-2025-27516",))
    assert plain.severity == "CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H"
    assert named.fixed_after("3.1.2") == "3.1.6"
    assert named.fixed_after("3.1.6") is None


def test_withdrawn_advisories_and_other_ecosystems_are_ignored(tmp_path: Path) -> None:
    """Withdrawn advisories and advisories about npm packages are ignored."""
    npm = [{"package": {"ecosystem": "npm", "name": "jinja2"}, "versions": ["1.0"]}]
    gone = record(id="GHSA-aaaa-aaaa-aaaa", withdrawn="2025-04-01T00:00:00Z")
    bare = record(id="GHSA-bbbb-bbbb-bbbb", affected=None)
    db = written(tmp_path / "db", gone, bare, record(id="GHSA-cccc-cccc-cccc", affected=npm))
    assert osv.read_advisories([db]) == []


def test_files_folders_and_exports_are_read(tmp_path: Path) -> None:
    """Advisories are read from a file, from a folder with subfolders, and from a .zip exported by osv.dev."""
    folder = written(tmp_path / "db", record())
    written(folder / "deep", record(id="GHSA-dddd-dddd-dddd"))
    export = tmp_path / "all.zip"
    with zipfile.ZipFile(export, "w") as archive:
        for file in folder.rglob("*.json"):
            archive.write(file, file.name)
        archive.writestr("README.txt", "not an advisory")
    assert len(osv.read_advisories([folder])) == len(osv.read_advisories([export])) == 2
    assert [each.id for each in osv.read_advisories([folder / "GHSA-cpwx-vrp4-4pq7.json"])] == ["GHSA-cpwx-vrp4-4pq7"]


def test_invalid_advisories_are_reported_together(tmp_path: Path) -> None:
    """Each invalid file is reported with its error and a hint, even beside valid files."""
    folder = written(tmp_path / "db", record())
    bad = {
        "cut.json": json.dumps(record())[:200],
        "empty.json": "",
        "list.json": "[]",
        "no-id.json": json.dumps({"modified": "2025-01-01T00:00:00Z"}),
        "odd-events.json": json.dumps(record(affected=affected(ranges=[{"type": "ECOSYSTEM", "events": "0"}]))),
    }
    for name, text in bad.items():
        folder.joinpath(name).write_text(text, "utf-8")
    tmp_path.joinpath("bad.zip").write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(AdvisoryError) as caught:
        osv.read_advisories([folder, tmp_path / "bad.zip", tmp_path / "gone.json"])
    told = [finding.where.rpartition("/")[2] for finding in caught.value.findings]
    assert sorted(told) == sorted([*bad, "bad.zip", "gone.json"])
    assert all(finding.hint for finding in caught.value.findings)


def test_folder_without_advisories_is_an_error(tmp_path: Path) -> None:
    """A folder without advisories is an error, since an audit with it would always pass."""
    with pytest.raises(AdvisoryError):
        osv.read_advisories([tmp_path])


def test_range_that_cannot_be_ordered_is_not_ignored(tmp_path: Path) -> None:
    """A range with an event that is not a version (PEP 440) counts as unclear."""
    odd = affected(ranges=ecosystem({"introduced": "0"}, {"fixed": "not-a-version"}))
    (advisory,) = osv.read_advisories([written(tmp_path / "db", record(affected=odd))])
    with pytest.raises(InvalidVersion):
        advisory.affects("1.0")

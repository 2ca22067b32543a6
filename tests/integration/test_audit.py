"""`onebin audit`: packages of an artifact or a lock are checked against advisories on this machine."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from onebin.errors import AdvisoryError, ArtifactError, AuditError, LockError

if TYPE_CHECKING:
    from pathlib import Path

    from support.bench import Bench

LOCK = """
lock-version = "1.0"
created-by = "somebody"

[[packages]]
name = "requests"
version = "2.30.0"

[[packages]]
name = "jinja2"
version = "3.1.4"

[[packages]]
name = "own-plugin"
directory = { path = "plugin" }

[tool.onebin]
python = "3.12.1"
toolchain = [{ name = "pyinstaller", version = "5.0", hashes = [] }]
"""


def advisory(name: str, package: str, fixed: str, *, aliases: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
    """Return an advisory in OSV format for all versions before the fixed one."""
    ranges = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": fixed}]}]
    return {
        "id": name,
        "modified": "2025-01-01T00:00:00Z",
        "aliases": list(aliases),
        "affected": [{"package": {"ecosystem": "PyPI", "name": package}, "ranges": ranges}],
        **more,
    }


ADVISORIES = (
    advisory(
        "GHSA-j8r2-6x86-q33q",
        "requests",
        "2.31.0",
        aliases=("CVE-2023-32681", "PYSEC-2023-74"),
        summary="Unintended leak of Proxy-Authorization header in requests",
        database_specific={"severity": "MODERATE"},
    ),
    advisory("PYSEC-2023-74", "requests", "2.31.0", aliases=("CVE-2023-32681", "GHSA-j8r2-6x86-q33q")),
    advisory("GHSA-cpwx-vrp4-4pq7", "Jinja2", "3.1.6", summary="sandbox breakout", aliases=("CVE-2025-27516",)),
    advisory("GHSA-h75v-3vvj-5mfj", "jinja2", "3.1.4", summary="xmlattr filter"),
    advisory("GHSA-p2xp-xx3r-mffc", "PyInstaller", "6.0.0", summary="privilege escalation"),
    advisory("GHSA-xxxx-xxxx-xxxx", "tinyhost", "99"),
)


@pytest.fixture
def db(bench: Bench) -> Path:
    """Return a folder of advisories."""
    folder = bench.directory / "db"
    folder.mkdir()
    for each in ADVISORIES:
        folder.joinpath(f"{each['id']}.json").write_text(json.dumps(each), "utf-8")
    return folder


def test_each_vulnerability_is_reported_once(bench: Bench, db: Path) -> None:
    """Two database entries for one vulnerability are one finding with all names, the severity and the fixed version."""
    bench.lock.write_text(LOCK, "utf-8")
    refusal = bench.refuses("audit", "--lock", bench.lock.name, "--db", db, error=AuditError, may_write=())
    assert "3 known vulnerabilities in 3 packages" in refusal.summary
    assert len(refusal.findings) == 3
    said = refusal.says("requests 2.30.0", "MODERATE", "Proxy-Authorization", hint="2.31.0")
    assert all(name in said.text for name in ("GHSA-j8r2-6x86-q33q", "PYSEC-2023-74", "CVE-2023-32681"))
    refusal.says("jinja2 3.1.4", "CVE-2025-27516", hint="onebin lock --upgrade jinja2")
    assert refusal.says("pyinstaller 5.0", hint="6.0.0").hint.endswith("onebin lock --upgrade")


def test_packages_that_were_not_checked_are_named(bench: Bench, db: Path) -> None:
    """The interpreter and packages without a version in the lock are not on PyPI, and are listed as not checked."""
    bench.lock.write_text(LOCK, "utf-8")
    done = bench.run("audit", "--lock", bench.lock.name, "--db", db)
    assert "not checked: own-plugin" in done.err
    assert "not checked: CPython 3.12.1, its libraries (OpenSSL" in done.err


def test_no_known_vulnerability_is_success(bench: Bench, db: Path) -> None:
    """Without findings, the exit code is 0 and a line has the number of packages and advisories."""
    bench.lock.write_text(LOCK.replace("2.30.0", "2.32.0").replace("3.1.4", "3.1.6").replace('"5.0"', '"6.1"'), "utf-8")
    done = bench.accepts("audit", "--lock", bench.lock.name, "--db", db)
    assert "no known vulnerability, 3 packages against 6 advisories" in done.out


@pytest.mark.network
def test_artifact_is_audited_without_being_run(bench: Bench, db: Path, built: Path) -> None:
    """An artifact is audited from its card, which, unlike a lock, also has the versions of local projects."""
    done = bench.run("audit", built, "--db", db, "--json")
    assert done.code == AuditError.exit_code
    said = json.loads(done.out)
    assert [each["id"] for each in said["vulnerabilities"]] == ["GHSA-xxxx-xxxx-xxxx"]
    assert said["packages"]["tinyhost"] == "1.2.3"
    assert "pyinstaller" in said["toolchain"]
    assert any("CPython" in line for line in said["unchecked"])


@pytest.mark.network
def test_local_project_cannot_be_upgraded(bench: Bench, db: Path, built: Path) -> None:
    """The hint for a project that is not from an index does not ask for an upgrade, which would change nothing."""
    refusal = bench.refuses("audit", built, "--db", db, error=AuditError, may_write=())
    assert "--upgrade" not in refusal.says("tinyhost 1.2.3", hint="build with sources of that version").hint


def test_unclear_range_counts_as_affected(bench: Bench, db: Path) -> None:
    """A version that may be affected is a finding that says so."""
    db.joinpath("odd.json").write_text(json.dumps(advisory("GHSA-oddd-oddd-oddd", "requests", "soon")), "utf-8")
    bench.lock.write_text(LOCK, "utf-8")
    refusal = bench.refuses("audit", "--lock", bench.lock.name, "--db", db, error=AuditError, may_write=())
    refusal.says("GHSA-oddd-oddd-oddd", "unclear whether this version is affected", hint="")


def test_unreadable_input_has_another_exit_code(bench: Bench, db: Path) -> None:
    """A bad database, lock or artifact has an exit code that is neither that of a finding nor that of success."""
    bench.lock.write_text(LOCK, "utf-8")
    db.joinpath("bad.json").write_text("{", "utf-8")
    audit = ("audit", "--lock", bench.lock.name, "--db")
    bench.refuses(*audit, db, error=AdvisoryError, may_write=()).says("bad.json", hint="again")
    bench.refuses(*audit, "nowhere.zip", error=AdvisoryError, may_write=()).says("nowhere.zip", hint="--db")
    db.joinpath("bad.json").unlink()
    bench.lock.write_text("[[packages]]\nversion = 1\n", "utf-8")
    bench.refuses(*audit, db, error=LockError, may_write=()).says("is not a lock", hint="pylock")
    bench.refuses("audit", bench.lock.name, "--db", db, error=ArtifactError, may_write=()).says("artifact", hint="")
    assert bench.run("audit", "--db", db).code == 2

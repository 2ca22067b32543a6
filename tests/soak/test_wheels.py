"""Wheels that no build tool makes: paths that leave the environment, links, collisions, records that lie.

Most are refused by uv. Whatever happens, nothing is written or read outside of the environment, and the user gets a
clear error or a bundle.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import shutil
import stat
import sys
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from onebin.errors import LockError, PlanError, StageError

if TYPE_CHECKING:
    from pathlib import Path

    from support.bench import Bench
    from support.processes import Result

    from .conftest import Effort

pytestmark = pytest.mark.network

INFO = "odd-1.0.0.dist-info"
POINTS = "[tinyhost.greeters]\nodd = odd:greet\n"
MODULE = b"def greet(name):\n    return name\n"
_LINK = (stat.S_IFLNK | 0o777) << 16


@dataclass(frozen=True, kw_only=True)
class Wheel:
    """The content of a wheel called odd, besides its module: entries in order, links, and lines of RECORD.

    `record` is added to the lines of the entries; `whole_record` replaces them all. `without` names files to leave out.
    """

    entries: tuple[tuple[str, bytes], ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    record: str = ""
    whole_record: bytes | None = None
    without: tuple[str, ...] = ()

    def write(self, folder: Path) -> str:
        """Write the wheel and return its row in a manifest."""
        folder.mkdir(exist_ok=True)
        own = {
            "odd.py": MODULE,
            f"{INFO}/METADATA": b"Metadata-Version: 2.1\nName: odd\nVersion: 1.0.0\n",
            f"{INFO}/WHEEL": b"Wheel-Version: 1.0\nGenerator: odd\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            f"{INFO}/entry_points.txt": POINTS.encode(),
        }
        entries = [*((name, content) for name, content in own.items() if name not in self.without), *self.entries]
        lines = [f"{name},{_digest(content)},{len(content)}" for name, content in entries]
        record = self.whole_record
        if record is None:
            record = "\n".join([*lines, f"{INFO}/RECORD,,", self.record]).encode()
        file = folder / "odd-1.0.0-py3-none-any.whl"
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in entries:
                archive.NameToInfo.pop(name, None)  # it would warn about a duplicate name
                archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
            for name, target in self.links:
                link = zipfile.ZipInfo(name)
                link.create_system, link.external_attr = 3, _LINK
                archive.writestr(link, target)
            if "RECORD" not in self.without:
                archive.writestr(f"{INFO}/RECORD", record)
        return f'odd = {{ path = "{folder.name}/{file.name}" }}'


def _digest(content: bytes) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")


def answered(bench: Bench, wheel: Wheel) -> Result:
    """Check a bundle with the wheel; assert that this succeeds or is one clear error."""
    bench.manifest(wheel.write(bench.directory / "odd-wheels"))
    done = bench.run("check")
    assert "Traceback" not in done.err, done.err
    refusals = (LockError.exit_code, StageError.exit_code, PlanError.exit_code)
    assert done.code == 0 or (done.code in refusals and re.search(r"^ *hint: ", done.err, re.MULTILINE)), done.err
    assert bench.leftovers() == []
    return done


def escaped(bench: Bench) -> list[Path]:
    """Return the files nearby, outside of stages, that only a wheel can have written."""
    top = bench.directory.parent
    stages = [*bench.cache.glob("stages/*/env")]
    found = [path for path in top.rglob("*canary*") if not any(path.is_relative_to(stage) for stage in stages)]
    return [*found, *(path for path in [top.parent / "canary", *bench.cache.glob("*/canary")] if path.exists())]


CLIMBING = (
    "../../../../../canary",
    "odd-1.0.0.data/data/../../../../canary",
    "../canary",
    "../../../../../../../../canary",
    "odd/../../canary",
    "..\\..\\canary",
    f"{INFO}/../../canary",
    "odd-1.0.0.data/scripts/../../canary",
    "odd-1.0.0.data/purelib/../canary",
)


def test_relative_entry_stays_in_the_environment(bench: Bench, effort: Effort) -> None:
    """A path with `..` is refused, or stays below the environment."""
    for name in CLIMBING[: effort.times(2, len(CLIMBING))]:
        answered(bench, Wheel(entries=((name, b"x"),)))
        assert escaped(bench) == []


def test_absolute_entry_stays_in_the_environment(bench: Bench) -> None:
    """An absolute path is refused, or is taken as relative to the environment."""
    target = bench.directory.parent / "canary"
    answered(bench, Wheel(entries=((str(target), b"x"),)))
    assert not target.exists()


def test_nothing_is_written_through_a_link(bench: Bench) -> None:
    """Nothing is written through a symbolic link in a wheel."""
    outside = bench.directory.parent / "outside"
    outside.mkdir()
    answered(bench, Wheel(links=(("odd_link", str(outside)),), entries=(("odd_link/canary", b"x"),)))
    answered(bench, Wheel(links=(("odd_data", "/etc/passwd"),)))
    assert list(outside.iterdir()) == []


LINES = ("{up}etc/passwd,,", "{secret},,", "{up}{secret},,", "../../../../../{name},,", "../../../../share/{name},,")


def test_record_cannot_name_files_of_others(bench: Bench, effort: Effort) -> None:
    """A RECORD that names files of the build machine gets none of them into the bundle."""
    place = bench.cache / "share"
    place.mkdir(parents=True)
    secret = place / "secret.txt"
    secret.write_text("of this machine")
    for line in LINES[: effort.times(1, len(LINES))]:
        up = "/".join([".."] * 40) + ("" if "{up}{" in line else "/")
        done = answered(bench, Wheel(record=line.format(secret=secret, up=up, name=secret.name)))
        if done.code == 0:
            bench.accepts("generate", "-o", "generated")
            collected = bench.directory.joinpath("generated/build.json").read_text("utf-8")
            assert "secret.txt" not in collected
            assert "etc/passwd" not in collected


RECORDS = (
    b"odd.py,sha256=AAAA,1\n",
    b"",
    b"\xff\xfe\x00",
    b'"',
    b"odd.py\n",
    b"a" * 100_000,
    b"odd.py,,x\n",
    b",,\n\n,,",
)


def test_invalid_record_is_handled(bench: Bench, effort: Effort) -> None:
    """An invalid RECORD is a clear error, or the bundle contains what it names."""
    for record in RECORDS[: effort.times(2, len(RECORDS))]:
        answered(bench, Wheel(whole_record=record))


def test_wheel_without_its_files_is_refused(bench: Bench, effort: Effort) -> None:
    """A wheel without METADATA, RECORD or WHEEL is an error that names it."""
    for missing in (f"{INFO}/METADATA", "RECORD", f"{INFO}/WHEEL")[: effort.times(1, 3)]:
        done = answered(bench, Wheel(without=(missing,)))
        assert done.code != 0
        assert "odd" in done.err


COLLIDING = (
    (("tinyhost/cli.py", b"raise SystemExit(0)"),),
    (("twice.txt", b"1"), ("twice.txt", b"2")),
    (("place", b"1"), ("place/below", b"2")),
)


def test_colliding_entries_are_handled(bench: Bench, effort: Effort) -> None:
    """Entries that collide with each other or with another distribution are refused or resolved."""
    for entries in COLLIDING[: effort.times(1, len(COLLIDING))]:
        answered(bench, Wheel(entries=entries))


NAMES = (
    *("-rf", "a\nb.txt", "{{ 7*7 }}.txt", "--help", "tab\there", "\u202egnp.py"),
    *("%s.txt", "x" * 255, "x/" * 60 + "y", "'; raise SystemExit", '"""', "\\"),
)


def test_odd_file_names_stay_data(bench: Bench, effort: Effort) -> None:
    """Odd file names are neither options nor templates nor extra lines, together and one by one."""
    together = tuple((f"odd_data/{name}", b"x") for name in NAMES[:3])
    for entries in (together, *(((f"odd_data/{name}", b"x"),) for name in NAMES[: effort.times(0, len(NAMES))])):
        if answered(bench, Wheel(entries=entries)).code == 0:
            bench.accepts("generate", "-o", "generated")


def test_file_that_is_not_an_archive_is_refused(bench: Bench, effort: Effort) -> None:
    """Truncated, empty and foreign files with a wheel's name are errors that name them."""
    row = Wheel().write(bench.directory / "odd-wheels")
    file = bench.directory / "odd-wheels" / "odd-1.0.0-py3-none-any.whl"
    whole = file.read_bytes()
    wrong = (whole[:-30], b"", b"PK\x05\x06", whole[: len(whole) // 2], os.urandom(1000))
    for content in wrong[: effort.times(1, len(wrong))]:
        file.write_bytes(content)
        bench.manifest(row)
        done = bench.run("check")
        assert "Traceback" not in done.err
        assert done.code in (LockError.exit_code, StageError.exit_code), done.err
        assert "odd" in done.err


def test_entry_with_a_wrong_size_is_refused(bench: Bench) -> None:
    """A wrong size in an archive's directory is an error, or the file has its real bytes."""
    row = Wheel(entries=(("odd_data.txt", b"0" * 5000),)).write(bench.directory / "odd-wheels")
    file = bench.directory / "odd-wheels" / "odd-1.0.0-py3-none-any.whl"
    content = file.read_bytes()
    lied = content.replace((5000).to_bytes(4, "little"), (4_000_000_000).to_bytes(4, "little"))
    assert lied != content
    file.write_bytes(lied)
    bench.manifest(row)
    done = bench.run("check")
    assert "Traceback" not in done.err
    assert done.code in (0, LockError.exit_code, StageError.exit_code), done.err


def test_huge_entry_is_refused(bench: Bench) -> None:
    """An entry that unpacks to more than the limit is one error, and nothing of it stays.

    The limit is 16 GiB; here it is less. uv unpacks the local archive to lock it.
    """
    if sys.platform != "linux" or shutil.which("prlimit") is None:
        pytest.skip("needs prlimit, which limits the size of files")
    bench.manifest(
        "greet-hello", Wheel(entries=(("odd_data.bin", bytes(60_000_000)),)).write(bench.directory / "wheels")
    )
    done = bench.run("check", under=["prlimit", "--fsize=50000000"])
    assert "Traceback" not in done.err
    assert done.code == LockError.exit_code, done.err
    assert "hint: a package has a file that unpacks to more than 16 GiB" in done.err
    assert bench.leftovers() == []

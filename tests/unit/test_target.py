"""Files that need a newer glibc than the manifest allows are refused together, each with its owner and symbols."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from onebin.check.target import check_needs, check_staged
from onebin.errors import TargetError
from onebin.python.discovery import ask
from onebin.target import elf
from onebin.target.glibc import libc_facts, needs
from onebin.target.libc import libc_of
from support.builders import distribution, manifest, survey

if TYPE_CHECKING:
    from conftest import Build
    from onebin.card.facts import GlibcNeed
    from onebin.manifest import Manifest
    from onebin.survey import Survey

NEEDS: list[GlibcNeed] = [
    {"file": "libold.so", "owner": "system", "symbols": {"2.2.5": ["puts"]}},
    {"file": "libpython.so", "owner": "interpreter", "symbols": {"2.35": ["hypot"], "2.4": ["__stack_chk_fail"]}},
    {"file": "pkg/a.so", "owner": "pkg", "symbols": {"2.34": list("abcdef"), "2.36": []}},
    {"file": "pkg/b.so", "owner": "pkg", "symbols": {"2.35": ["hypot"]}},
]


def bundle(glibc: str | None, *, kind: str = "system") -> tuple[Manifest, Survey]:
    """Return the parts of a manifest and its survey that these tests need."""
    wanted = SimpleNamespace(
        bundle=SimpleNamespace(name="tiny"), target=SimpleNamespace(glibc=glibc), freeze=SimpleNamespace(libc=kind)
    )
    interpreter = SimpleNamespace(implementation="CPython", version="3.12.1", minor="3.12")
    distributions = {"pkg": SimpleNamespace(title="Pkg", version="1.0")}
    surveyed = SimpleNamespace(interpreter=interpreter, distributions=distributions)
    return cast("Manifest", wanted), cast("Survey", surveyed)


def test_all_files_above_the_limit_are_reported_together() -> None:
    """One error lists each file above the limit by distribution, with its newer versions and their symbols."""
    with pytest.raises(TargetError) as caught:
        check_needs(NEEDS, *bundle("2.28"))
    assert caught.value.message == "tiny needs glibc 2.36, and [target] glibc is 2.28"
    python, package = caught.value.findings
    assert (python.where, package.where) == ("CPython 3.12.1", "Pkg 1.0")
    assert "libpython.so: 2.35 (hypot)" in python.message
    assert "2.4" not in python.message
    assert "pkg/a.so: 2.36, 2.34 (a, b, c, d and 2 more)" in package.message
    assert "pkg/b.so: 2.35 (hypot)" in package.message
    assert "uv python install 3.12" in (python.hint or "")
    assert "manylinux_2_28" in (package.hint or "")
    assert all('libc = "bundled"' in (finding.hint or "") for finding in (python, package))


@pytest.mark.parametrize(
    ("glibc", "kind"), [(None, "system"), ("2.36", "system"), ("2.40", "system"), ("2.5", "bundled")]
)
def test_old_enough_file_passes(glibc: str | None, kind: str) -> None:
    """Files pass if there is no limit, if they do not exceed it, or if the artifact bundles its C library."""
    check_needs(NEEDS, *bundle(glibc, kind=kind))


def test_card_names_the_oldest_sufficient_glibc() -> None:
    """The card has the highest version of glibc that any file needs, and the files and symbols that need it."""
    assert libc_facts(NEEDS, "system") == {
        "kind": "system",
        "glibc": "2.36",
        "because": [{"file": "pkg/a.so", "owner": "pkg", "symbols": {"2.36": []}}],
    }
    assert libc_facts(NEEDS, "bundled") == {"kind": "bundled", "glibc": None, "because": []}
    assert libc_facts([], "system")["glibc"] is None


def test_needs_are_read_from_the_frozen_files(build: Build, tmp_path: Path) -> None:
    """Needs are read from libraries and programs, not from text; a bundled C library itself needs nothing."""
    source = "#include <sys/random.h>\nint draw(void *to) { return getrandom(to, 8, 0); }"
    library = build(tmp_path / "draw.so", source)
    program = build(tmp_path / "program", "int main(void) { return 0; }", "-pie")
    (tmp_path / "text").write_text("text")
    owners = {"pkg": ["lib/pkg/draw.so", "lib/pkg/text"], "onebin": ["bin/python"], "C library": ["python/lib/libc.so"]}
    files = {
        "lib/pkg/text": tmp_path / "text",
        "lib/pkg/draw.so": library,
        "bin/python": program,
        "python/lib/libc.so": library,
    }
    found = needs(files, owners)
    assert [(need["file"], need["owner"]) for need in found] == [("bin/python", "onebin"), ("lib/pkg/draw.so", "pkg")]
    assert found[1]["symbols"]["2.25"] == ["getrandom"]
    assert [need["owner"] for need in needs({"program": program}, {})] == ["bootloader"]


@pytest.mark.parametrize(
    ("tables", "expected"), [("", {"bin/tool", "dep.so"}), ('[freeze]\ncollect = "lean"\n', set())]
)
def test_whole_artifact_needs_what_any_of_its_files_needs(
    build: Build, tmp_path: Path, tables: str, expected: set[str]
) -> None:
    """Programs and dependencies that nobody imports are checked before the freeze if the artifact will have them."""
    site = tmp_path / "lib" / "python3.12" / "site-packages"
    for folder in (site, tmp_path / "bin"):
        folder.mkdir(parents=True)
    source = "#include <sys/random.h>\nint main(void) { char to[8]; return getrandom(to, 8, 0); }"
    build(site / "dep.so", source)
    build(tmp_path / "bin" / "tool", source, "-pie")
    dep = distribution("dep", data=["dep.so", "../../../bin/tool"], site_packages=site)
    bundle = manifest(f'{tables}[target]\nglibc = "2.24"\n')
    try:
        check_staged(bundle, survey(distribution("demo"), dep), [])
        found = ""
    except TargetError as error:
        found = "".join(finding.message for finding in error.findings)
    assert {name for name in ("bin/tool", "dep.so") if f"{name}: " in found} == expected


def test_c_library_is_the_interpreters(build: Build, tmp_path: Path) -> None:
    """The interpreter's C library is bundled with its loader; rarely used parts only if a file needs them."""
    found = libc_of(ask(Path(sys.executable)))
    assert found.loader.is_file()
    assert {"libc.so.6", "libm.so.6", "libresolv.so.2"} <= found.libraries.keys()
    source = "#include <math.h>\ndouble twice(double one) { return 2 * one; }"
    package = build(tmp_path / "pkg.so", source, "-shared", "-Wl,--no-as-needed", "-lthread_db")
    added = found.needed_by([package])
    assert {"libc.so.6", "libthread_db.so.1", found.loader.name} <= {*added}
    assert "libthread_db.so.1" not in found.needed_by([])
    assert "libBrokenLocale.so.1" not in added
    assert {*added.values()} <= found.files
    for name, file in added.items():
        facts = elf.read_elf(file)
        assert facts is not None
        assert {*facts.libraries} <= {*added}, f"{name} needs a missing library"
    assert added[found.loader.name].stat().st_mode & 0o111


def test_c_library_of_a_folder_is_in_that_folder(tmp_path: Path) -> None:
    """For an interpreter that lies in a folder, nothing of this machine's own C library is taken."""
    own = ask(Path(sys.executable))
    facts = elf.read_elf(own.executable)
    assert facts is not None
    assert facts.loader is not None
    folder = tmp_path / facts.loader.lstrip("/")
    foreign = replace(own, root=tmp_path)
    with pytest.raises(TargetError) as caught:
        libc_of(foreign)
    assert f"{tmp_path} has no {facts.loader.lstrip('/')}" in caught.value.findings[0].message
    # As on many systems, the loader is a link into the folder with the libraries.
    parts = tmp_path / "lib" / "parts"
    parts.mkdir(parents=True)
    for name, file in libc_of(own).needed_by([]).items():
        (parts / name).write_bytes(file.read_bytes())
    folder.parent.mkdir(exist_ok=True)
    folder.symlink_to(parts / folder.name)
    added = libc_of(foreign).needed_by([])
    assert {"libc.so.6", folder.name} <= {*added}
    assert all(file.is_relative_to(tmp_path) for file in added.values())


def test_program_without_a_loader_has_no_c_library_to_bundle() -> None:
    """Bundling the C library for a Python of another system is refused with a hint before the freeze."""
    interpreter = SimpleNamespace(target=None, platform="macosx-14.0-arm64", executable=Path("/usr/bin/python3"))
    with pytest.raises(TargetError) as caught:
        libc_of(interpreter)  # type: ignore[arg-type]  # only the attributes that are read
    assert "macosx-14.0-arm64" in caught.value.findings[0].message
    assert caught.value.findings[0].hint

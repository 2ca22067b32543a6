"""The key of a stage, files that distributions overwrite, and details of an installation that are removed."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from onebin.cache import Cache
from onebin.errors import StageError
from onebin.lock import LockedPackage, Pin
from onebin.python import PackageSource, uv
from onebin.python.discovery import ask
from onebin.stage import Overlap, Stage, Toolchain, find, install_toolchain, overlaps, overwritten, stage_key
from onebin.stage.stage import KIND
from onebin.stage.staging import _explain, _forget_machine, check_sizes
from onebin.survey import survey as read_survey
from onebin.system import sha256_of_file
from support.builders import interpreter, lock
from support.wheels import make_wheel

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from onebin.lock import Lock

DEP = LockedPackage(name="dep", version="1.0", path=None, digest="1" * 64)


def project(folder: Path, text: str = "x = 1\n") -> LockedPackage:
    """Return a local project with one source file."""
    (folder / "project").mkdir(exist_ok=True)
    (folder / "project" / "demo.py").write_text(text, "utf-8")
    return LockedPackage(name="demo", version=None, path=folder / "project", digest="2" * 64)


def with_python(of: Lock, **changes: object) -> Lock:
    """Return a lock for a Python with these values changed."""
    return replace(of, interpreter=replace(of.interpreter, **changes))  # type: ignore[arg-type]  # of any type that a field has


KEYED: dict[str, Callable[[Lock], Lock]] = {
    "entry": lambda old: replace(old, packages=(replace(DEP, digest="9" * 64),)),
    "name": lambda old: replace(old, packages=(replace(DEP, name="other"),)),
    "more": lambda old: replace(old, packages=(DEP, replace(DEP, name="other"))),
    "version": lambda old: with_python(old, version="3.12.2"),
    "implementation": lambda old: with_python(old, implementation="PyPy"),
    "build": lambda old: with_python(old, build="another compiler"),
    "platform": lambda old: with_python(old, platform="linux-aarch64"),
    "executable": lambda old: with_python(old, executable=Path("/opt/python3")),
}


@pytest.mark.parametrize("change", KEYED.values(), ids=KEYED)
def test_packages_and_python_are_in_the_key(change: Callable[[Lock], Lock]) -> None:
    """The key covers the entry of each package and everything that identifies the interpreter."""
    old = lock("demo", [DEP])
    assert stage_key(old, 1) == stage_key(old, 1)
    assert stage_key(change(old), 1) != stage_key(old, 1)


def test_parts_that_do_not_affect_an_installation_are_not_in_the_key() -> None:
    """The order of packages, the rest of the lock, and the kernel's version are not in the key."""
    other = replace(DEP, name="other")
    old = lock("demo", [DEP, other])
    kernel = {**old.interpreter.markers, "platform_release": "99"}
    pin = Pin(name="pyinstaller", version="6.22.3", hashes=())
    for new in (
        replace(old, packages=(other, DEP)),
        replace(old, file=Path("elsewhere.toml"), text="other", digest="9" * 64, changes=("+ dep",), pins=(pin,)),
        with_python(old, markers=kernel),
    ):
        assert stage_key(new, 1) == stage_key(old, 1)


def test_sources_of_local_projects_are_in_the_key(tmp_path: Path) -> None:
    """The key covers the sources of local projects, since the lock has only their requirements."""
    before = stage_key(lock("demo", [project(tmp_path)]), 1)
    assert stage_key(lock("demo", [project(tmp_path)]), 1) == before
    assert stage_key(lock("demo", [project(tmp_path, "x = 2\n")]), 1) != before


def test_bytes_of_local_wheels_are_in_the_key(tmp_path: Path) -> None:
    """The key covers the bytes of local wheels, since a wheel at the same path may be rebuilt."""
    wheel = tmp_path / "demo.whl"
    keys = set()
    for content in ("x", "y"):
        wheel.write_text(content)
        keys.add(stage_key(lock("demo", [LockedPackage(name="demo", version=None, path=wheel, digest="")]), 1))
    assert len(keys) == 2


def test_timestamp_is_in_the_key_only_if_something_is_built(tmp_path: Path) -> None:
    """The timestamp is in the key only if a project is built, since a build may use it."""
    wheels, built = lock("demo", [DEP]), lock("demo", [DEP, project(tmp_path)])
    assert stage_key(wheels, 1) == stage_key(wheels, 2)
    assert stage_key(built, 1) != stage_key(built, 2)


def test_stage_is_found_only_under_its_key(tmp_path: Path) -> None:
    """A stage is found only under its key, and looking for one creates none."""
    cache, wanted = Cache(tmp_path), lock("demo", [DEP])
    assert find(wanted, cache, moment=1) is None
    assert not (tmp_path / KIND).exists()
    key = stage_key(wanted, 1)
    entry = cache.ensure(KIND, key, lambda _: None)
    assert find(wanted, cache, moment=1) == Stage(key=key, directory=entry / "env", lock=wanted)
    assert find(replace(wanted, packages=()), cache, moment=1) is None


@pytest.mark.skipif(sys.platform == "win32", reason="needs the folders of an environment on POSIX")
def test_paths_in_a_stage_depend_on_its_python(tmp_path: Path) -> None:
    """The path of site-packages contains the feature version of the interpreter."""
    stage = Stage(key="", directory=tmp_path, lock=lock("demo", python=interpreter("3.11.9")))
    assert stage.site_packages == tmp_path / "lib" / "python3.11" / "site-packages"
    assert stage.python == tmp_path / "bin" / "python"


def record(site: Path, info: str, text: str | bytes) -> Path:
    """Write the RECORD of a distribution."""
    file = site / f"{info}.dist-info" / "RECORD"
    file.parent.mkdir(parents=True)
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def test_files_with_the_same_content_do_not_overlap(tmp_path: Path) -> None:
    """Files with the same content in two distributions, or in only one distribution, do not overlap."""
    record(tmp_path, "one-1.0", "same.py,sha256=a,1\none.py,sha256=b,1\n")
    record(tmp_path, "two-1.0", "same.py,sha256=a,1\ntwo.py,sha256=c,1\n")
    assert overlaps(tmp_path) == []


def test_files_with_different_content_overlap(tmp_path: Path) -> None:
    """Overlapping files are sorted by path, with owners by canonical name, also outside site-packages."""
    record(tmp_path, "Z_last-1.0", "x.py,sha256=a,1\n../../../bin/tool,sha256=a,1\n")
    record(tmp_path, "a.First-2.0.post1", "x.py,sha256=b,1\n../../../bin/tool,sha256=b,1\n")
    record(tmp_path, "middle-1.0", "x.py,sha256=b,1\n")
    assert overlaps(tmp_path) == [
        Overlap(file="../../../bin/tool", distributions=("a-first", "z-last")),
        Overlap(file="x.py", distributions=("a-first", "middle", "z-last")),
    ]


def test_files_without_a_digest_do_not_overlap(tmp_path: Path) -> None:
    """Files without a digest in RECORD, such as RECORD itself and bytecode, do not overlap."""
    record(tmp_path, "one-1.0", "x.py,,\ny.py\n\nz.py,sha256=a,1\n")
    record(tmp_path, "two-1.0", "x.py,sha256=b,1\ny.py,sha256=b,1\nz.py,,\n")
    assert overlaps(tmp_path) == []


def test_files_with_unusual_names_overlap(tmp_path: Path) -> None:
    """Overlaps are found despite names with commas, NUL or bytes that are not UTF-8."""
    record(tmp_path, "one-1.0", b'"a, b.py",sha256=a,1\r\nx\0.py,sha256=a,1\r\n\xff.py,sha256=a,1\r\n')
    record(tmp_path, "two-1.0", b'"a, b.py",sha256=b,1\nx.py,sha256=b,1\n\xff.py,sha256=b,1\n')
    (tmp_path / "three-1.0.dist-info").mkdir()
    assert [each.file for each in overlaps(tmp_path)] == ["a, b.py", "x.py", "\ufffd.py"]


def test_overwritten_files_are_counted_by_pair() -> None:
    """Each pair of distributions has one notice with the first file, the number of others, and the winner."""
    found = [
        Overlap(file="a.py", distributions=("one", "two")),
        Overlap(file="b.py", distributions=("one", "two", "three")),
        Overlap(file="c.py", distributions=("one", "two")),
        Overlap(file="d.py", distributions=("one", "two")),
    ]
    assert list(overwritten(found)) == [
        "one and two both have a.py and 2 other files, with different content: the bundle has two's",
        "one and three both have b.py, with different content: the bundle has three's",
        "two and three both have b.py, with different content: the bundle has three's",
    ]
    assert list(overwritten([])) == []
    assert "a.py and 1 other file, with" in next(overwritten(found[::2]))


NOTES = ("uv_cache.json", "uv_build.json", "direct_url.json")


def installed(site: Path, notes: Mapping[str, str]) -> Path:
    """Write the metadata of an installed distribution with these files, and return its folder."""
    info = site / "demo-1.0.dist-info"
    rows = ["demo/__init__.py,sha256=a,1\n", '"demo/a, b.txt",sha256=b,1\n']
    rows += [f"{info.name}/{name},sha256=c,1\n" for name in notes]
    record(site, "demo-1.0", "".join([*rows, f"{info.name}/RECORD,,\n"]))
    for name, text in notes.items():
        (info / name).write_text(text, "utf-8")
    return info


def test_records_of_uv_about_the_machine_are_removed(tmp_path: Path) -> None:
    """Files of uv about the machine are removed with their lines in RECORD; all other lines stay."""
    info = installed(tmp_path, dict.fromkeys(NOTES, '{"url": "file:///home/me/demo", "dir_info": {}}'))
    _forget_machine(tmp_path)
    assert [file.name for file in info.iterdir()] == ["RECORD"]
    assert (info / "RECORD").read_text("utf-8") == (
        'demo/__init__.py,sha256=a,1\n"demo/a, b.txt",sha256=b,1\ndemo-1.0.dist-info/RECORD,,\n'
    )


def test_address_of_a_repository_is_kept(tmp_path: Path) -> None:
    """The URL of a repository is kept (PEP 610), since only file URLs name this machine."""
    info = installed(tmp_path, {"direct_url.json": '{"url": "https://host/demo.git", "vcs_info": {}}'})
    before = (info / "RECORD").stat()
    _forget_machine(tmp_path)
    assert json.loads((info / "direct_url.json").read_text("utf-8"))["url"] == "https://host/demo.git"
    after = (info / "RECORD").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "5"])
def test_address_that_cannot_be_read_is_removed(tmp_path: Path, text: str) -> None:
    """An unreadable direct_url.json is removed, since it may name this machine."""
    info = installed(tmp_path, {"direct_url.json": text})
    _forget_machine(tmp_path)
    assert [file.name for file in info.iterdir()] == ["RECORD"]


def test_cache_is_not_changed_through_a_linked_record(tmp_path: Path) -> None:
    """A RECORD that is a hard link into uv's cache is replaced, so that the cache does not change."""
    info = installed(tmp_path / "site", {"uv_cache.json": "{}"})
    os.link(info / "RECORD", tmp_path / "cached")
    before = (tmp_path / "cached").read_bytes()
    _forget_machine(tmp_path / "site")
    assert (tmp_path / "cached").read_bytes() == before != (info / "RECORD").read_bytes()


def test_all_metadata_without_measure_is_reported(tmp_path: Path) -> None:
    """Each file of a .dist-info folder that is larger than its limit is a finding; sizes within them are not."""
    info = installed(tmp_path, {"METADATA": "", "WHEEL": "", "direct_url.json": "{}"})
    for name, size in {"METADATA": 8_000_001, "WHEEL": 8_000_000, "RECORD": 32_000_001}.items():
        os.truncate(info / name, size)
    with pytest.raises(StageError) as caught:
        check_sizes(tmp_path, lock("demo"))
    assert [each.message.partition(" has ")[0] for each in caught.value.findings] == ["its RECORD", "its METADATA"]
    assert all("packages.demo" in each.where for each in caught.value.findings)
    for name in ("METADATA", "RECORD"):
        os.truncate(info / name, 8_000_000)
    check_sizes(tmp_path, lock("demo"))


def test_distribution_without_record_loses_machine_details(tmp_path: Path) -> None:
    """Files of uv are also removed from a distribution without RECORD."""
    info = installed(tmp_path, {"uv_cache.json": "{}"})
    (info / "RECORD").unlink()
    _forget_machine(tmp_path)
    assert list(info.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Hash mismatch for `demo`: Failed to build", "hash mismatch between a download and the lock"),
        ("Failed to build `demo`", "cannot build a package"),
        ("anything else", "cannot install the lock"),
    ],
)
def test_failed_installation_says_what_failed(text: str, message: str) -> None:
    """A failed installation is explained by its cause, a hash mismatch first, with the message of uv."""
    error = _explain(uv.Failure(text), lock("demo", []))
    assert isinstance(error, StageError)
    assert (error.message, error.tail) == (message, f"uv says: {text}")
    assert error.hint


def staged(folder: Path, *names: str) -> Stage:
    """Return a stage with these distributions, each of which is locked and has one module."""
    stage = Stage(key="", directory=folder, lock=lock("demo", [replace(DEP, name=name) for name in names]))
    for name in names:
        file = record(
            stage.site_packages, f"{name}-1.0", f"{name}.py,sha256=a,1\n{name}-1.0.dist-info/METADATA,sha256=b,1\n"
        )
        file.with_name("METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", "utf-8")
        (stage.site_packages / f"{name}.py").write_text("x = 1\n", "utf-8")
    return stage


def test_intact_stage_is_surveyed(tmp_path: Path) -> None:
    """The survey of an intact stage has the distributions of the lock with their modules."""
    found = read_survey(staged(tmp_path / "stage", "demo", "dep"), Cache(tmp_path / "cache"))
    assert list(found.distributions) == ["demo", "dep"]
    assert list(found.owners) == ["demo", "dep"]


@pytest.mark.skipif(sys.platform == "win32", reason="needs the folders of an environment on POSIX")
@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda site: (site / "dep.py").unlink(), "is damaged"),
        (lambda site: (site / "dep-1.0.dist-info").rename(site / "away"), "does not hold the lock: dep"),
        (lambda site: (site / "dep-1.0.dist-info" / "METADATA").unlink(), "no name in its METADATA"),
        (lambda site: (site / "dep-1.0.dist-info").rename(site / "dep-1.0.dist-info.away"), "does not hold the lock"),
    ],
    ids=["module", "metadata folder", "metadata", "renamed"],
)
def test_damaged_stage_is_an_error(tmp_path: Path, damage: Callable[[Path], object], words: str) -> None:
    """A damaged stage is an error with a hint, even if its survey is in the cache."""
    stage, cache = staged(tmp_path / "stage", "demo", "dep"), Cache(tmp_path / "cache")
    read_survey(stage, cache)
    damage(stage.site_packages)
    with pytest.raises(StageError, match=words) as caught:
        read_survey(stage, cache)
    assert caught.value.hint


def test_another_distribution_in_a_stage_is_an_error(tmp_path: Path) -> None:
    """A stage that does not have exactly the locked packages is an error that lists the differences in order."""
    stage = staged(tmp_path / "stage", "demo", "other", "another")
    stage = replace(stage, lock=lock("demo", [replace(DEP, name="demo"), DEP]))
    with pytest.raises(StageError, match="does not hold the lock: another, dep, other"):
        read_survey(stage, Cache(tmp_path / "cache"))


def test_modules_of_a_toolchain_are_those_that_can_be_imported(tmp_path: Path) -> None:
    """The modules of a toolchain are its packages and modules, not metadata, programs, bytecode or .pth files."""
    for name in ("PyInstaller", "pyinstaller-6.0.dist-info", "bin", "__pycache__", "not-a-name"):
        (tmp_path / name).mkdir()
    for name in ("six.py", "a-script.py", "distutils-precedence.pth", "fast.so"):
        (tmp_path / name).touch()
    assert Toolchain(key="", directory=tmp_path).modules == ("PyInstaller", "six")


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with two versions of a small package."""
    folder = tmp_path_factory.mktemp("wheels")
    for version in ("1.0", "2.0"):
        make_wheel(folder, "tool", files={"tool.py": f"version = {version}\n", "old.py": "print 1\n"}, version=version)
    return folder


def pinned(wheels: Path, version: str = "1.0", *, sha256: str | None = None) -> Lock:
    """Return a lock for this Python whose toolchain is one of the wheels."""
    file = wheels / f"tool-{version}-py3-none-any.whl"
    pin = Pin(name="tool", version=version, hashes=("0" * 64, sha256 or sha256_of_file(file)))
    return replace(lock("demo", python=ask(Path(sys.executable))), pins=(pin,))


def test_toolchain_is_installed_once_and_compiled(tmp_path: Path, wheels: Path) -> None:
    """A toolchain is installed and compiled once, even if one of its files is for another version of Python."""
    cache = Cache(tmp_path)
    made = install_toolchain(pinned(wheels), cache, source=PackageSource(wheelhouse=wheels))
    assert made.modules == ("old", "tool")
    assert len(list((made.directory / "__pycache__").glob("tool.*.pyc"))) == 1
    assert install_toolchain(pinned(wheels), cache, source=PackageSource(wheelhouse=tmp_path / "gone")) == made
    other = install_toolchain(pinned(wheels, "2.0"), cache, source=PackageSource(wheelhouse=wheels))
    assert other.key != made.key
    assert "2.0" in (other.directory / "tool.py").read_text("utf-8")


def test_toolchain_with_another_hash_is_an_error(tmp_path: Path, wheels: Path) -> None:
    """A toolchain with a wrong hash is an error, and nothing of it stays in the cache."""
    with pytest.raises(StageError, match=r"cannot install the toolchain \(PyInstaller\)"):
        install_toolchain(pinned(wheels, sha256="1" * 64), Cache(tmp_path), source=PackageSource(wheelhouse=wheels))
    assert list((tmp_path / "toolchains").iterdir()) == []

"""Interpreters of other platforms: found in folders and archives, and read without running them."""

from __future__ import annotations

import io
import json
import lzma
import os
import shutil
import subprocess
import tarfile
import zipfile
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path

import pytest
import zstandard

from onebin.cache import Cache
from onebin.errors import InterpreterError
from onebin.platforms import PLATFORMS, this_platform
from onebin.python import Interpreter, find, find_foreign, installed
from onebin.python.foreign.archives import packages_in, unpack_archive, unpack_packages
from onebin.python.foreign.normal import normal
from onebin.python.foreign.places import places_in
from onebin.system import listening, sha256_of_file

HERE = this_platform()
pytestmark = pytest.mark.skipif(HERE is None or HERE.system != "linux", reason="copies an interpreter of Linux")

# An interpreter in a folder is identified by its files, and the kernel is not known.
OTHER = {"build", "root", "builder", "target"}
KERNEL = {"platform_release", "platform_version"}


def _find(given: Path | None, tmp_path: Path, wanted: str | None = None, platform: str | None = None) -> Interpreter:
    target = HERE if platform is None else PLATFORMS[platform]
    assert target is not None
    path = None if given is None else str(given)
    return find_foreign(target, wanted, path, directory=tmp_path, cache=Cache(tmp_path / "cache"))


@cache
def _here() -> list[Interpreter]:
    return installed()


@cache
def _own() -> Interpreter:
    return find(None, Path(), None)


def _facts(found: Interpreter) -> dict[str, object]:
    facts = {name: value for name, value in asdict(found).items() if name not in OTHER}
    return facts | {"markers": {name: value for name, value in found.markers.items() if name not in KERNEL}}


def _small_copy(top: Path) -> Path:
    """Copy what an interpreter is recognised by: its program, library, variables and a module."""
    own = _own()
    assert own.library is not None
    for file in (own.executable, own.library, own.stdlib[0] / "os.py", *own.stdlib[0].glob("_sysconfigdata_*.py")):
        copy = top / file.relative_to(own.prefix)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, copy)
    return top


@pytest.mark.parametrize("minor", ["3.10", "3.11", "3.12", "3.13"])
def test_facts_that_are_read_are_those_that_an_interpreter_answers(minor: str, tmp_path: Path) -> None:
    """What is read from the files of an installation equals what its interpreter answers, for each version here."""
    found = [each for each in _here() if each.minor == minor and each.library and each.prefix != Path("/usr")]
    if not found:
        pytest.skip(f"no Python {minor} with a prefix of its own")
    read = _find(found[0].prefix, tmp_path, minor)
    assert _facts(read) == _facts(found[0])
    assert read.builder == read.executable
    assert read.target == found[0].target


def test_an_interpreter_is_the_same_wherever_its_folder_lies(tmp_path: Path) -> None:
    """Two copies of an installation have one identity, and a changed file gives another one."""
    first, second = (_small_copy(tmp_path / name) for name in ("first", "second"))
    identity = _find(first, tmp_path).identity
    assert _find(second, tmp_path).identity == identity
    (second / "lib" / "more").write_text("more", "utf-8")
    assert _find(second, tmp_path).identity != identity


def test_facts_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The facts of an installation that has not changed come from the cache."""
    folder = _small_copy(tmp_path / "python")
    first = _find(folder, tmp_path)
    monkeypatch.setattr("onebin.python.foreign.search.read", None)
    assert _find(folder, tmp_path) == first


@pytest.mark.parametrize("kind", ["tar.gz", "tar.zst", "tar.xz", "zip", "whl"])
def test_archives_are_unpacked(kind: str, tmp_path: Path) -> None:
    """An archive of any kind is unpacked into the cache, and its programs can be run."""
    top, archive = tmp_path / "top", tmp_path / f"python.{kind}"
    top.mkdir()
    program = top / "python3.12"
    program.write_bytes(b"program")
    program.chmod(0o755)
    if kind in {"zip", "whl"}:
        with zipfile.ZipFile(archive, "w") as zipped:
            zipped.write(program, "python/bin/python3.12")
    else:
        data = io.BytesIO()
        with tarfile.open(fileobj=data, mode="w") as tar:
            tar.add(program, "python/bin/python3.12")
        compress = {"tar.gz": _gzip, "tar.zst": zstandard.ZstdCompressor().compress, "tar.xz": lzma.compress}[kind]
        archive.write_bytes(compress(data.getvalue()))
    unpacked = unpack_archive(archive, Cache(tmp_path / "cache")) / "python" / "bin" / "python3.12"
    assert unpacked.read_bytes() == b"program"
    assert os.access(unpacked, os.X_OK)


def test_an_archive_stands_for_what_is_in_it(tmp_path: Path) -> None:
    """The interpreter of an archive, with a folder at its top, is found, and lies in the cache."""
    folder, archive = _small_copy(tmp_path / "top" / "python"), tmp_path / "python.zip"
    with zipfile.ZipFile(archive, "w") as zipped:
        for file in sorted(folder.rglob("*")):
            zipped.write(file, file.relative_to(folder.parent))
    found = _find(archive, tmp_path)
    assert found.version == _own().version
    assert found.root is not None
    assert found.root.is_relative_to(tmp_path / "cache")


def _gzip(data: bytes) -> bytes:
    import gzip

    return gzip.compress(data, mtime=0)


def _tar(file: Path, *members: tarfile.TarInfo) -> Path:
    with tarfile.open(file, "w") as tar:
        for member in members:
            tar.addfile(member, io.BytesIO(b"x" * member.size))
    return file


def _member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname, member.size = kind, link, 1 if kind == tarfile.REGTYPE else 0
    return member


@pytest.mark.parametrize(
    "members",
    [
        [_member("../outside")],
        [_member("/outside")],
        [_member("link", tarfile.SYMTYPE, "../.."), _member("link/outside")],
        [_member("hard", tarfile.LNKTYPE, "../../outside")],
    ],
    ids=["parent", "absolute", "link", "hard link"],
)
def test_archives_that_would_write_outside_are_refused(members: list[tarfile.TarInfo], tmp_path: Path) -> None:
    """A member that would leave the folder is an error, and nothing is left of the archive."""
    archive = _tar(tmp_path / "hostile.tar", *members)
    with pytest.raises(InterpreterError, match="cannot unpack"):
        _find(archive, tmp_path)
    assert not list((tmp_path / "cache" / "foreign-interpreters").iterdir())
    assert not list(tmp_path.rglob("outside"))


def test_zip_members_that_would_be_written_outside_are_refused(tmp_path: Path) -> None:
    """A zip file with ".." in a name is an error that names the member."""
    archive = tmp_path / "hostile.zip"
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("../outside", "x")
    with pytest.raises(InterpreterError, match=r"'\.\./outside' would be written outside"):
        _find(archive, tmp_path)


def test_an_archive_with_another_digest_is_refused(tmp_path: Path) -> None:
    """An archive that does not have the digest of the manifest is not unpacked."""
    archive = _tar(tmp_path / "python.tar", _member("a"))
    assert HERE is not None
    place = Cache(tmp_path / "cache")
    with pytest.raises(InterpreterError, match=sha256_of_file(archive)):
        find_foreign(HERE, None, "python.tar", directory=tmp_path, cache=place, sha256="0" * 64)
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("name", ["cut.tar.gz", "cut.zip", "text.tar", "empty.tar"])
def test_damaged_archives_are_errors_in_one_line(name: str, tmp_path: Path) -> None:
    """An archive that is cut off, or is none, is an error with a remedy."""
    archive = tmp_path / name
    whole = _gzip(os.urandom(5000)) if "gz" in name else b"PK\x03\x04" + b"\0" * 50 if "zip" in name else b"text"
    archive.write_bytes(b"" if "empty" in name else whole[:-9] if "gz" in name else whole)
    with pytest.raises(InterpreterError, match="cannot unpack") as caught:
        _find(archive, tmp_path)
    assert "\n" not in caught.value.message
    assert caught.value.hint


def test_absolute_links_of_a_root_directory_stay_in_it(tmp_path: Path) -> None:
    """A link to "/etc/..." in a root directory means the file in there, and not that of this machine."""
    root = _small_copy(tmp_path / "root" / "usr").parent
    own = _own()
    (root / "etc").mkdir()
    (root / "etc" / "hostname").write_text("inside", "utf-8")
    library = root / "usr" / own.stdlib[0].relative_to(own.prefix)
    (library / "sitecustomize.py").symlink_to("/etc/hostname")
    found = _find(root, tmp_path)
    assert found.standard_library["sitecustomize"].read_text("utf-8") == "inside"
    assert (library / "sitecustomize.py").readlink() == Path("/etc/hostname")


def test_the_folder_must_be_for_the_platform(tmp_path: Path) -> None:
    """A folder for another platform than the one that is asked for is an error that names both."""
    folder = _small_copy(tmp_path / "python")
    with pytest.raises(InterpreterError, match=f"is for {HERE}, and not for windows-x86_64"):
        _find(folder, tmp_path, platform="windows-x86_64")


def test_a_folder_for_another_platform_is_refused_by_the_header_of_its_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files of a whole system are not read to find out that it is for another platform: that took minutes."""
    folder = _small_copy(tmp_path / "python")
    for name in ("state_of", "normal", "read"):  # each goes over all files
        monkeypatch.setattr(f"onebin.python.foreign.search.{name}", None)
    for other in ("windows-x86_64", "macos-arm64"):
        with pytest.raises(InterpreterError, match=f"is for {HERE}, and not for {other}"):
            _find(folder, tmp_path, platform=other)


def test_reading_an_interpreter_says_so(tmp_path: Path) -> None:
    """While all files of an installation are read, which may take a while, the step says what it does."""
    folder = _small_copy(tmp_path / "python")
    told: list[str] = []
    with listening(lambda activity: told.append(activity.doing)):
        _find(folder, tmp_path)
    assert f"reading the interpreter in {folder}" in told
    assert told[-1] == ""


@pytest.mark.parametrize("start", [b"\x7fELF", b"MZ", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe"])
@pytest.mark.parametrize("place", ["python/bin/python3.12", "python/python.exe"])
def test_a_program_is_not_an_archive(start: bytes, place: str, tmp_path: Path) -> None:
    """Who names the program of an interpreter learns that the folder of the installation is meant."""
    program = tmp_path / place
    program.parent.mkdir(parents=True)
    program.write_bytes(start + bytes(100))
    with pytest.raises(InterpreterError, match="is a program, not an archive") as caught:
        _find(program, tmp_path)
    assert f"{tmp_path / 'python'}, in [bundle.interpreters]" in str(caught.value.hint)


def test_the_folder_must_have_the_version(tmp_path: Path) -> None:
    """A folder that has another version than the manifest is an error that names both."""
    folder = _small_copy(tmp_path / "python")
    with pytest.raises(InterpreterError, match=rf"has Python {_own().version}, and not 3\.99") as caught:
        _find(folder, tmp_path, "3.99")
    assert f'set python = "{_own().minor}" in [bundle]' in str(caught.value.hint)


def test_an_interpreter_without_shared_library_is_refused(tmp_path: Path) -> None:
    """Without its shared library, an installation cannot be frozen, and the error says how to get one."""
    folder = _small_copy(tmp_path / "python")
    library = _own().library
    assert library is not None
    next(folder.rglob(library.name)).unlink()
    with pytest.raises(InterpreterError, match="no shared libpython") as caught:
        _find(folder, tmp_path)
    assert "uv python install" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (["bin/pypy3"], "is PyPy: only CPython can be frozen"),
        (["bin/python3.8"], r"has Python 3\.8: too old to be frozen"),
        (["README"], "has no Python"),
        (["bin/python3.12"], "has no standard library"),
        (["bin/python3.12", "lib/python3.12/os.py"], "has no _sysconfigdata_"),
        (["python.exe", "python312.dll"], "has no standard library"),
    ],
)
def test_folders_without_a_whole_interpreter_are_refused(files: list[str], message: str, tmp_path: Path) -> None:
    """What is missing in a folder, or wrong with it, is said in one line with a remedy."""
    for name in files:
        file = tmp_path / "python" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("", "utf-8")
    with pytest.raises(InterpreterError, match=message) as caught:
        _find(tmp_path / "python", tmp_path)
    assert caught.value.hint


def test_a_path_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    """A path in the manifest that leads nowhere is named, with where it starts."""
    with pytest.raises(InterpreterError, match="no such file or folder"):
        _find(tmp_path / "nothing", tmp_path)


def test_builds_that_uv_manages_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a path, the newest build of the version is taken from uv's folder, by the names that uv gives there."""
    assert HERE is not None
    key, minor = f"{HERE.system}-{HERE.machine}-{HERE.libc}", _own().minor
    for name in (f"cpython-{minor}.1-{key}", f"cpython-{minor}.10-{key}", f"cpython-{minor}.11-macos-aarch64-none"):
        _small_copy(tmp_path / "uv" / name)
    monkeypatch.setenv("UV_PYTHON_INSTALL_DIR", str(tmp_path / "uv"))
    found = _find(None, tmp_path)
    assert found.root == tmp_path / "uv" / f"cpython-{minor}.10-{key}"


def test_offline_nothing_is_downloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Offline, a platform for which nothing is here is an error that says how to get it."""
    monkeypatch.setenv("UV_PYTHON_INSTALL_DIR", str(tmp_path / "uv"))
    target, place = PLATFORMS["windows-x86_64"], Cache(tmp_path / "cache")
    with pytest.raises(InterpreterError, match=r"no Python 3\.12 for windows-x86_64 on this machine") as caught:
        find_foreign(target, "3.12", None, directory=tmp_path, cache=place, offline=True)
    assert "uv python install cpython-3.12-windows-x86_64-none" in str(caught.value.hint)
    assert "[bundle.interpreters]" in str(caught.value.hint)


def test_what_uv_does_not_have_yet_is_downloaded_by_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a path, uv is asked for its build for the platform, by the name that it has there."""
    assert HERE is not None
    version, key = _own().version, f"{HERE.system}-{HERE.machine}-{HERE.libc}"
    archive = tmp_path / "python.tar.gz"
    with tarfile.open(archive, "w:gz", compresslevel=1) as tar:
        tar.add(_small_copy(tmp_path / "python"), "python")
    major, minor, patch = map(int, version.split("."))
    build = {
        "name": "cpython",
        "arch": {"family": HERE.machine, "variant": None},
        "os": HERE.system,
        "libc": HERE.libc,
        "major": major,
        "minor": minor,
        "patch": patch,
        "prerelease": "",
        "url": archive.as_uri(),
        "sha256": sha256_of_file(archive),
        "variant": None,
        "build": "20250101",
    }
    builds = tmp_path / "builds.json"
    builds.write_text(json.dumps({f"cpython-{version}-{key}": build}), "utf-8")
    monkeypatch.setenv("UV_PYTHON_INSTALL_DIR", str(tmp_path / "uv"))
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS_JSON_URL", str(builds))
    found = _find(None, tmp_path)
    assert found.root == tmp_path / "uv" / f"cpython-{version}-{key}"
    assert found.version == version


def test_a_download_that_fails_says_what_else_can_be_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If uv cannot download a build, the error says why, and how to name one in the manifest."""
    monkeypatch.setenv("UV_PYTHON_INSTALL_DIR", str(tmp_path / "uv"))
    monkeypatch.setenv("UV_PYTHON_INSTALL_MIRROR", (tmp_path / "mirror").as_uri())
    with pytest.raises(InterpreterError, match=r"uv cannot download Python 3\.12 for linux-aarch64") as caught:
        _find(None, tmp_path, "3.12", "linux-aarch64")
    assert '[bundle.interpreters] linux-aarch64 = "PATH"' in str(caught.value.hint)
    assert "\n" not in caught.value.message


@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="dpkg-deb makes the packages")
@pytest.mark.parametrize("compression", ["xz", "gzip", "zstd", "none"])
def test_packages_are_unpacked_into_one_root(compression: str, tmp_path: Path) -> None:
    """Debian's packages in a folder make one root directory, whose absolute links stay inside."""
    packages = tmp_path / "packages"
    packages.mkdir()
    for name, file, link in (("one", "usr/lib/one.so.1", "usr/lib/one.so"), ("two", "etc/two", "usr/lib/two")):
        content = tmp_path / name
        (content / "DEBIAN").mkdir(parents=True)
        lines = f"Package: {name}\nVersion: 1\nArchitecture: all\nMaintainer: nobody <a@b>\nDescription: none\n"
        (content / "DEBIAN" / "control").write_text(lines, "utf-8")
        for each in (file, link):
            (content / each).parent.mkdir(parents=True, exist_ok=True)
        (content / file).write_text(name, "utf-8")
        (content / link).symlink_to(f"/{file}")
        paths = [str(content), str(packages / f"{name}.deb")]
        command = ["dpkg-deb", f"-Z{compression}", "--root-owner-group", "--build", *paths]
        subprocess.run(command, check=True, capture_output=True)
    root = unpack_packages(packages_in(packages), Cache(tmp_path / "cache"))
    assert (root / "usr" / "lib" / "one.so").read_text("utf-8") == "one"
    assert (root / "usr" / "lib" / "two").read_text("utf-8") == "two"
    assert (root / "lib").readlink() == Path("usr/lib")


def test_an_embeddable_package_gets_the_form_of_an_installation(tmp_path: Path) -> None:
    """The embeddable package for Windows becomes Lib with compiled modules, and DLLs; its path file is left out."""
    folder = tmp_path / "embeddable"
    folder.mkdir()
    for name in ("python.exe", "python312.dll", "vcruntime140_1.dll", "_ssl.pyd", "libffi-8.dll", "python312._pth"):
        (folder / name).write_bytes(b"")
    with zipfile.ZipFile(folder / "python312.zip", "w") as zipped:
        zipped.writestr("os.pyc", "os")
        zipped.writestr("json/__init__.pyc", "json")
    (place,) = places_in(folder)
    root = normal(place, Cache(tmp_path / "cache")).root
    files = {file.relative_to(root).as_posix() for file in root.rglob("*") if file.is_file() and file.name[0] != "."}
    beside = {"python.exe", "python312.dll", "vcruntime140_1.dll"}
    assert files == {*beside, "DLLs/_ssl.pyd", "DLLs/libffi-8.dll", "Lib/os.pyc", "Lib/json/__init__.pyc"}


def test_compiled_modules_without_sources_are_of_the_library(tmp_path: Path) -> None:
    """Modules of a standard library are known by their .pyc files, too; a source comes first."""
    for name in ("os.pyc", "json/__init__.pyc", "re.py", "re.pyc", "__pycache__/cache.cpython-312.pyc"):
        file = tmp_path / "Lib" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"")
    found = replace(_own(), stdlib=(tmp_path / "Lib",)).standard_library
    names = {name: file.name for name, file in found.items()}
    assert names == {"os": "os.pyc", "json": "__init__.pyc", "re": "re.py"}

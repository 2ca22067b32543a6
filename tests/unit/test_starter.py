"""Where a build gets the starter for its interpreter: from the package, a wheelhouse, the cache or the compiler."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from onebin.cache import Cache
from onebin.errors import PackError
from onebin.launcher import compiler, starter
from onebin.platforms import PLATFORMS
from onebin.python import INDEXES, PackageSource, installed
from support.builders import interpreter

if TYPE_CHECKING:
    from onebin.python import Interpreter

TARGETS = [PLATFORMS[name] for name in starter.TARGETS]


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    """Return a private cache for the test."""
    return Cache(tmp_path / "cache")


@pytest.fixture
def included(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the directory of the programs that come with onebin, replaced by an empty one."""
    directory = tmp_path / "included"
    directory.mkdir()
    monkeypatch.setattr(compiler, "included_dir", lambda: directory)
    return directory


def test_included_starter_is_used(included: Path, cache: Cache) -> None:
    """A released onebin uses the starter that it includes for a version, and compiles nothing."""
    python = interpreter("3.12.1")
    (included / starter.file_name(python)).write_text("included")
    assert starter.is_included(python)
    assert not starter.is_included(interpreter("3.13.0"))
    assert starter.find(python, cache, source=INDEXES).read_text() == "included"
    assert not cache.directory.exists()


def test_vendored_starter_is_used(included: Path, cache: Cache, tmp_path: Path) -> None:
    """A starter in a folder filled by `onebin vendor` is used."""
    python = interpreter("3.12.1")
    wheelhouse = tmp_path / "wheelhouse"
    wheelhouse.mkdir()
    (wheelhouse / starter.file_name(python)).write_text("vendored")
    source = PackageSource(offline=True, wheelhouse=wheelhouse)
    assert starter.find(python, cache, source=source).read_text() == "vendored"


def test_each_abi_has_a_starter_of_its_own() -> None:
    """Patch versions share a starter; minor versions, free-threaded builds and platforms have their own."""
    python = interpreter("3.13.1")
    assert starter.file_name(python) == starter.file_name(interpreter("3.13.7"))
    others = [interpreter("3.12.1"), replace(python, abiflags="t"), replace(python, target=PLATFORMS["linux-aarch64"])]
    assert len({starter.file_name(each) for each in [python, *others]}) == 4


def test_changed_source_changes_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a change to any of its sources, an older starter is not used."""
    source = tmp_path / "native"
    shutil.copytree(compiler.source_dir(), source)
    monkeypatch.setattr(compiler, "source_dir", lambda: source)
    names = {starter.file_name(interpreter())}
    files = [file for folder in ("starter", "starter/posix") for file in (source / folder).glob("*.*")]
    for file in [*files, source / "trailer.h"]:
        file.write_bytes(file.read_bytes() + b"\n")
        names.add(starter.file_name(interpreter()))
    assert len(names) == len(files) + 2
    (source / "starter" / "windows" / "tree.c").write_text("")
    assert starter.file_name(interpreter()) in names


def test_missing_headers_are_an_error_with_a_remedy(
    included: Path, cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If no interpreter of the version has headers, the error says so and how to get them."""
    monkeypatch.setattr(starter, "installed", list)
    python = replace(interpreter("3.12.1"), include=tmp_path)
    with pytest.raises(PackError, match=r"Python 3\.12 cannot be compiled") as caught:
        starter.find(python, cache, source=INDEXES)
    assert "libpython3.12-dev" in str(caught.value.hint)
    assert "uv python install 3.12" in str(caught.value.hint)


@pytest.fixture
def installed_starters() -> list[Path]:
    """Return the starters that come with onebin."""
    found = [*compiler.included_dir().glob("python*-linux-*")]
    if not found:
        pytest.skip("needs `make .venv/installed`, which compiles starters")
    return found


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Interpreter, Path]:
    """Return an interpreter and a directory with starters for it, for each platform, and a stale one."""
    python = next((each for each in installed() if (each.include / "Python.h").is_file()), None)
    if python is None or not starter.exists_for(python.target):
        pytest.skip("needs an interpreter with headers, on Linux")
    directory = tmp_path_factory.mktemp("starters")
    (directory / f"python{python.minor}-{python.target.name}-0000000000000000").write_text("stale")
    without = replace(interpreter("3.9.1"), include=python.include)
    starter.compile_into(directory, TARGETS, [python, without, replace(python, include=directory)])
    return python, directory


@pytest.mark.long  # `make .venv/installed` does the same for this platform
def test_release_has_a_starter_for_each_platform(compiled: tuple[Interpreter, Path]) -> None:
    """A release compiles starters for each platform, with the headers of the interpreters that have them."""
    python, directory = compiled
    expected = {starter.file_name(replace(python, target=platform)) for platform in TARGETS}
    assert {file.name for file in directory.iterdir()} == expected


def test_starter_reserves_space_for_two_paths(installed_starters: list[Path]) -> None:
    """A starter names its library folder and its loader in regions that the launcher can overwrite."""
    for file in installed_starters:
        data = file.read_bytes()
        library, loader = starter.relocatable(file)
        assert library.text.startswith("$ORIGIN/")
        assert library.text.rstrip(":").endswith("/../lib")
        assert loader.text.endswith(tuple(str(platform.loader) for platform in TARGETS))
        for region in (library, loader):
            assert region.size == starter.RESERVED
            assert data[region.offset : region.offset + region.size] == region.text.encode() + b"\0"


def test_other_files_are_not_relocatable(tmp_path: Path) -> None:
    """A program that does not reserve the space is refused."""
    text = tmp_path / "text"
    text.write_text("not a program")
    for other in (Path(shutil.which("true") or "/bin/true"), text):
        with pytest.raises(ValueError, match="not a starter"):
            starter.relocatable(other)

"""Where a build gets its launcher: from the package, the cache or the compiler."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from onebin import __version__
from onebin.cache import Cache
from onebin.errors import PackError
from onebin.launcher import compile as launcher, compiler
from onebin.platforms import PLATFORMS, Platform
from onebin.python import INDEXES, PackageSource, uv
from support.wheels import make_wheel

if TYPE_CHECKING:
    from pathlib import Path

PLATFORM = PLATFORMS["linux-x86_64"]


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    """Return a private cache for the test."""
    return Cache(tmp_path / "cache")


@pytest.fixture
def included(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the directory of the launchers that come with onebin, replaced by an empty one."""
    directory = tmp_path / "included"
    directory.mkdir()
    monkeypatch.setattr(compiler, "included_dir", lambda: directory)
    return directory


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[Platform]:
    """Return a list that records the platform of each compilation; nothing is really compiled."""
    platforms: list[Platform] = []

    def compile_for(platform: Platform, directory: Path, *, source: PackageSource, kept: Path | None = None) -> None:
        platforms.append(platform)
        (directory / launcher.file_name(platform)).write_text("compiled")

    monkeypatch.setattr(launcher, "compile_for", compile_for)
    return platforms


def test_included_launcher_is_used(included: Path, cache: Cache, compiled: list[Platform]) -> None:
    """A released onebin uses the launcher it includes and compiles nothing."""
    (included / launcher.file_name(PLATFORM)).write_text("included")
    assert launcher.find(PLATFORM, cache, source=INDEXES).read_text() == "included"
    assert compiled == []


def test_platforms_share_a_static_launcher() -> None:
    """The launcher of a processor is the same for each C library, so that nobody compiles it twice."""
    assert launcher.file_name(PLATFORMS["linux-x86_64-musl"]) == launcher.file_name(PLATFORM)
    assert launcher.file_name(PLATFORMS["linux-aarch64"]) != launcher.file_name(PLATFORM)


def test_platform_without_a_launcher_is_an_error(cache: Cache) -> None:
    """Who asks for a launcher that does not exist is told for which platforms there is one."""
    with pytest.raises(PackError, match="no launcher for this platform") as caught:
        launcher.find(None, cache, source=INDEXES)
    assert "linux-x86_64" in str(caught.value.hint)


def test_included_launcher_of_other_sources_is_ignored(
    included: Path, cache: Cache, tmp_path: Path, compiled: list[Platform], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a change to the launcher's source, builds use the changed source and not the old binary."""
    name = launcher.file_name(PLATFORM)
    (included / name).write_text("included")
    source = tmp_path / "source"
    source.mkdir()
    (source / "main.c").write_text("int main(void) { return 0; }")
    monkeypatch.setattr(launcher, "_source_dir", lambda: source)
    assert launcher.file_name(PLATFORM) != name
    assert launcher.find(PLATFORM, cache, source=INDEXES).read_text() == "compiled"


def test_launcher_is_compiled_once(included: Path, cache: Cache, compiled: list[Platform]) -> None:
    """If onebin includes no launcher, the first build compiles it into the cache and later builds find it there."""
    first = launcher.find(PLATFORM, cache, source=INDEXES)
    assert launcher.find(PLATFORM, cache, source=INDEXES) == first
    assert first.is_relative_to(cache.directory / launcher.KIND)
    assert compiled == [PLATFORM]


@pytest.mark.parametrize(("version", "expected"), [(__version__, "from the wheel"), ("0.0.1", "compiled")])
def test_launcher_is_taken_from_a_wheel(
    included: Path,
    cache: Cache,
    tmp_path: Path,
    compiled: list[Platform],
    monkeypatch: pytest.MonkeyPatch,
    version: str,
    expected: str,
) -> None:
    """A checkout takes the launcher from a wheel of its own version in a folder that uv is told to look in."""
    files = {f"onebin/_launchers/{launcher.file_name(PLATFORM)}": "from the wheel"}
    make_wheel(tmp_path / "wheels", "onebin", files=files, version=version)
    monkeypatch.setenv("UV_FIND_LINKS", str(tmp_path / "wheels"))
    found = launcher.find(PLATFORM, cache, source=INDEXES)
    assert found.read_text() == expected
    assert {file.name for file in found.parent.iterdir()} == {found.name, ".complete"}  # and nothing else of the wheel


def test_launcher_is_taken_from_the_wheel_that_is_there_now(
    included: Path, tmp_path: Path, compiled: list[Platform], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wheel that was built again, with the same version at the same path, is read again."""
    monkeypatch.setenv("UV_FIND_LINKS", str(tmp_path / "wheels"))
    for content in ("first", "second"):
        files = {f"onebin/_launchers/{launcher.file_name(PLATFORM)}": content}
        make_wheel(tmp_path / "wheels", "onebin", files=files, version=__version__)
        found = launcher.find(PLATFORM, Cache(tmp_path / content), source=INDEXES)
        assert found.read_text() == content


def test_missing_compiler_is_an_error_with_a_remedy(
    included: Path, cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the compiler cannot be installed, the error says so and names the layout that needs no launcher."""
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "nothing-cached"))
    with pytest.raises(PackError, match="compiler") as caught:
        launcher.find(PLATFORM, cache, source=PackageSource(offline=True))
    assert 'layout = "onefile"' in f"{caught.value.hint}{caught.value}"
    assert list((cache.directory / launcher.KIND).iterdir()) == []


def test_compile_error_is_reported_with_a_remedy(
    included: Path, cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error shows the compiler's output and a remedy."""
    tool = tmp_path / "zig"
    tool.write_text("#!/bin/sh\necho 'main.c:1: error: no such thing' >&2\nexit 1\n")
    tool.chmod(0o755)

    def install_flat(requirements: Path, *, target: Path, **_: object) -> None:
        (target / "ziglang").mkdir(parents=True)
        (target / "ziglang" / "zig").symlink_to(tool)

    monkeypatch.setattr(uv, "install_flat", install_flat)
    monkeypatch.setattr(launcher, "_fetch_library", lambda directory, tools: directory)
    with pytest.raises(PackError, match="no such thing") as caught:
        launcher.find(PLATFORM, cache, source=INDEXES)
    assert 'layout = "onefile"' in str(caught.value.hint)


def test_unknown_platform_is_an_error() -> None:
    """The script names the platforms that have a launcher, and the nearest one."""
    with pytest.raises(PackError, match="no launcher for 'linux-x86-64'") as caught:
        launcher.compile_into_package(["linux-x86-64"])
    assert "macos-x86_64; did you mean 'linux-x86_64'?" in str(caught.value.hint)


def test_compile_script_explains_its_failure(tmp_path: Path) -> None:
    """Without a network or a cache, the script says what is missing and what to do, without a traceback."""
    env = {**os.environ, "UV_OFFLINE": "1", "UV_CACHE_DIR": str(tmp_path / "empty")}
    command = [sys.executable, "-m", "onebin.cli.machine.launchers", "linux-aarch64"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == PackError.exit_code, done.stderr
    assert done.stderr.startswith("error: ")
    assert "\nhint: " in done.stderr
    assert "Traceback" not in done.stderr

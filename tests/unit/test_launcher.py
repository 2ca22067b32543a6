"""Where a build gets its launcher from: the package, the cache, or the compiler."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from onebin.cache import Cache
from onebin.errors import PackError
from onebin.launcher import compile as launcher
from onebin.python import INDEXES, PackageSource, uv

if TYPE_CHECKING:
    from pathlib import Path

PLATFORM = "linux-x86_64"


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    """Return a cache of the test's own."""
    return Cache(tmp_path / "cache")


@pytest.fixture
def carried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the directory in which the package carries launchers, which is another one here."""
    directory = tmp_path / "carried"
    directory.mkdir()
    monkeypatch.setattr(launcher, "_carried_dir", lambda: directory)
    return directory


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that grows by the platform of each launcher that is compiled; none is, really."""
    platforms: list[str] = []

    def compile_for(platform: str, directory: Path, *, offline: bool = False) -> None:
        platforms.append(platform)
        (directory / launcher.file_name(platform)).write_text("compiled")

    monkeypatch.setattr(launcher, "compile_for", compile_for)
    return platforms


def test_a_carried_launcher_is_taken(carried: Path, cache: Cache, compiled: list[str]) -> None:
    """A released onebin compiles nothing."""
    (carried / launcher.file_name(PLATFORM)).write_text("carried")
    assert launcher.find(PLATFORM, cache, source=INDEXES).read_text() == "carried"
    assert compiled == []


def test_a_carried_launcher_of_other_sources_is_not_taken(
    carried: Path, cache: Cache, tmp_path: Path, compiled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever changed the launcher's source gets what he wrote, not what was compiled before."""
    name = launcher.file_name(PLATFORM)
    (carried / name).write_text("carried")
    source = tmp_path / "source"
    source.mkdir()
    (source / "main.c").write_text("int main(void) { return 0; }")
    monkeypatch.setattr(launcher, "_source_dir", lambda: source)
    assert launcher.file_name(PLATFORM) != name
    assert launcher.find(PLATFORM, cache, source=INDEXES).read_text() == "compiled"


def test_a_launcher_is_compiled_once(carried: Path, cache: Cache, compiled: list[str]) -> None:
    """Without one in the package, the first build compiles it into the cache and the next ones find it there."""
    first = launcher.find(PLATFORM, cache, source=INDEXES)
    assert launcher.find(PLATFORM, cache, source=INDEXES) == first
    assert first.is_relative_to(cache.directory / launcher.KIND)
    assert compiled == [PLATFORM]


def test_no_compiler_is_an_error_with_its_remedy(
    carried: Path, cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the compiler cannot be had, the build says so, and names the layout that needs none."""
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "nothing-cached"))
    with pytest.raises(PackError, match="compiler") as caught:
        launcher.find(PLATFORM, cache, source=PackageSource(offline=True))
    assert 'layout = "onefile"' in f"{caught.value.hint}{caught.value}"
    assert list((cache.directory / launcher.KIND).iterdir()) == []


def test_a_source_that_does_not_compile_is_an_error(
    carried: Path, cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The compiler's own words come through, with the remedy."""
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


def test_compiling_from_the_shell_fails_in_words(tmp_path: Path) -> None:
    """Without a network and a cache, whoever makes a checkout ready is told what is missing and what to do."""
    env = {**os.environ, "UV_OFFLINE": "1", "UV_CACHE_DIR": str(tmp_path / "empty")}
    command = [sys.executable, "-m", "onebin.cli.machine.launchers", "linux-aarch64"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == PackError.exit_code, done.stderr
    assert done.stderr.startswith("error: ")
    assert "\nhint: " in done.stderr
    assert "Traceback" not in done.stderr

"""A cache from which somebody, or a program that removes old files, has removed a part: the next build repairs it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from support.caches import lend

if TYPE_CHECKING:
    from pathlib import Path

    from support.bench import Bench

pytestmark = pytest.mark.network

KINDS = ("frames", "frozen", "interpreters", "scans", "sources", "stages", "surveys", "toolchains", "uv-versions")


@pytest.fixture
def used(bench: Bench, built: Path) -> Bench:
    """Return a bench with an artifact and the cache of its build, which a test may damage."""
    lend(built.parents[2] / "cache", bench.cache, to_change=True)
    bench.manifest("greet-hello", end='[verify]\ncommands = ["{artifact} world"]\n')
    bench.accepts("bundle")
    return bench


def files_of(cache: Path, kind: str) -> list[Path]:
    """Return the files and links of one kind of entry, sorted."""
    return sorted(path for path in (cache / kind).rglob("*") if path.is_symlink() or not path.is_dir())


def assert_repaired(bench: Bench, before: bytes) -> None:
    """Assert that a build with an empty output makes the same artifact, and that the next has nothing to do."""
    bench.artifact.unlink()
    done = bench.accepts("bundle", "--locked")
    assert bench.artifact.read_bytes() == before
    assert "damaged" not in done.err
    assert "is up to date" in bench.accepts("bundle", "--locked").err


@pytest.mark.long
def test_cache_that_lacks_every_third_file_is_repaired(used: Bench) -> None:
    """If every third file of each kind is gone, the same command makes the same artifact and says nothing wrong."""
    before = used.artifact.read_bytes()
    for kind in KINDS:
        files = files_of(used.cache, kind)
        assert files, kind
        for file in files[::3]:
            file.unlink()
    assert_repaired(used, before)


@pytest.mark.long
def test_cache_that_lacks_one_file_folder_or_kind_is_repaired(used: Bench) -> None:
    """The same with only one file, one folder, or all of one kind, for each kind in turn."""
    before = used.artifact.read_bytes()
    for kind in KINDS:
        files = files_of(used.cache, kind)
        for file in (files[0], files[len(files) // 2], files[-1]):
            file.unlink()
            assert_repaired(used, before)
        deepest = max(
            (path for path in (used.cache / kind).rglob("*") if path.is_dir()), key=lambda path: len(path.parts)
        )
        for folder in (deepest, used.cache / kind):
            shutil.rmtree(folder)
            assert_repaired(used, before)

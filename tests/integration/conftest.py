"""Fixtures of the integration tests: a bench for each test, and one built artifact for all tests."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from filelock import FileLock

from support.bench import Bench
from support.projects import PROJECTS

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def bench(tmp_path: Path, projects: Path) -> Bench:
    """Return a bench: a folder with the tiny projects and a private cache."""
    made = _bench(tmp_path)
    made.directory.mkdir()
    made.temporary.mkdir()
    projects.rename(made.project(""))
    return made


@pytest.fixture
def warm_bench(bench: Bench, built: Path) -> Bench:
    """Return a bench whose bundle was built before: with its cache, a build only has to pack and verify."""
    bench.manifest("greet-hello")
    shutil.copy2(built.parents[1] / bench.lock.name, bench.lock)
    return Bench(directory=bench.directory, cache=built.parents[2] / "cache", temporary=bench.temporary)


@pytest.fixture(scope="session")
def built(shared: Path) -> Path:
    """Return an artifact of tinyhost with one plugin, built once per session; tests must not change it."""
    folder = shared / "built"
    bench = _bench(folder)
    with FileLock(shared / "built.lock", timeout=300):
        if not bench.artifact.exists():
            bench.directory.mkdir(parents=True)
            shutil.copytree(PROJECTS, bench.directory / "projects")
            bench.temporary.mkdir()
            bench.manifest("greet-hello")
            bench.accepts("bundle")
    return bench.artifact


def _bench(folder: Path) -> Bench:
    return Bench(directory=folder / "here", cache=folder / "cache", temporary=folder / "temporary")

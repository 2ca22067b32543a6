"""Fixtures of the integration tests: a bench for each test, and one built artifact for all tests."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from filelock import FileLock

from onebin.cache import Cache
from onebin.launcher import starter
from onebin.python import INDEXES, installed
from support.bench import Bench
from support.greeting import FILES, WITHOUT_CODE
from support.launched import Launched, find_launcher, make_tree, write_artifact
from support.platforms import foreign
from support.projects import PROJECTS
from support.pythons import each_python
from support.trees import at, clone, finish, make_base, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from onebin.python import Interpreter
    from support.trees import Tree


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


@pytest.fixture(scope="session", params=each_python())
def tree(request: pytest.FixtureRequest, shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Tree:
    """Return an unpacked installation for a version of Python, with the starter; tests must not change it.

    With --platform, it is for that platform.
    """
    platform = request.config.getoption("--platform")
    interpreter = foreign(platform, shared / "cache") if platform else _installed(request.param)
    compiled = starter.find(interpreter, Cache(shared / "cache"), source=INDEXES)
    first = shared / f"tree-{interpreter.minor}"
    with FileLock(shared / f"{first.name}.lock", timeout=300):
        if not first.exists():
            draft = first.with_name(f"{first.name}-draft")
            make_base(interpreter, draft)
            finish(draft, interpreter, compiled, FILES, without=WITHOUT_CODE)
            draft.rename(first)
    return clone(at(first, interpreter, compiled), tmp_path_factory.mktemp("tree") / "installation")


def _installed(minor: str) -> Interpreter:
    found = next((each for each in installed() if each.minor == minor and each.library), None)
    if found is None or not starter.exists_for(found.target):
        pytest.skip(f"needs a Python {minor} with a shared library, on Linux")
    return found


@pytest.fixture
def changeable(tree: Tree, tmp_path: Path) -> Tree:
    """Return a copy of the installation that a test may change."""
    return clone(tree, tmp_path / "changeable")


@pytest.fixture(scope="session")
def launcher_file(shared: Path, request: pytest.FixtureRequest) -> Path:
    """Return the launcher of this platform, or of the one given with --platform if the kernel can run it."""
    platform = request.config.getoption("--platform")
    found = find_launcher(shared / "cache", platform)
    try:
        subprocess.run([found], capture_output=True, check=False)
    except OSError:
        if platform is None:
            raise
        pytest.skip(f"this machine cannot run programs for {platform}: it needs qemu's user mode")
    return found


@pytest.fixture
def make(tmp_path: Path, launcher_file: Path) -> Callable[..., Launched]:
    """Return a function that makes an artifact from a bundle name and the files of its payload."""

    def made(
        name: str = "tiny", files: Mapping[str, bytes] | None = None, *, version: str = "1", folder: Path = tmp_path
    ) -> Launched:
        tree = make_tree(tmp_path / "trees" / name[:50] / version, {"version": version.encode(), **(files or {})})
        file = folder / f"{name[:200]}{version if version != '1' else ''}"
        write_artifact(file, tree, launcher_file, name=name)
        (folder / "temporary").mkdir(exist_ok=True)
        return Launched(file=file, cache=folder / "cache", temporary=folder / "temporary")

    return made


@pytest.fixture
def tiny(make: Callable[..., Launched]) -> Launched:
    """Return a small artifact that has never been started."""
    return make()


@pytest.fixture
def public() -> Iterator[Path]:
    """Return a directory that everyone may enter, unlike pytest's own."""
    with tempfile.TemporaryDirectory(dir="/var/tmp", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def venv(tree: Tree, tmp_path: Path) -> Path:
    """Return an ordinary environment of the same interpreter, with the same packages and script."""
    path = tmp_path / "venv"
    run([tree.origin.executable, "-m", "venv", "--without-pip", path])
    packages = path / "lib" / f"python{tree.minor}" / "site-packages"
    shutil.copytree(tree.packages, packages, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy2(tree.path / "bin" / "greet", path / "bin" / "greet")
    return path

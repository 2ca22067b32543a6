"""Fixtures of the end-to-end tests: artifacts that are built once per session."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from filelock import FileLock
from uv import find_uv_bin

from onebin.python.discovery import installed
from support.bundles import Alone, Bundle
from support.installed import ENVIRONMENT, Both, Installed, Pair
from support.pages import Followed
from support.processes import EXE, succeed
from support.projects import PROJECTS, ROOT, write_project
from support.pythons import each_python

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from support.command import Onebin

HOSTS = ROOT / "examples" / "hosts"
LEFT_BY_BUILDS = shutil.ignore_patterns("pylock.*.toml", "dist", "build", "__pycache__")

# A plugin that reports what its process sees; it imports the toolchain by names that a freezer would follow.
INQUIRY = '''
"""A greeter that does not greet: it says what its process sees."""

import json
import sys
from importlib.metadata import distributions


def greet(wanted):
    if wanted == "stdin":
        return json.dumps(sys.stdin.read())
    if wanted == "argv":
        return json.dumps(sys.argv[1:])
    return json.dumps(
        {
            "distributions": {each.metadata["Name"]: each.version for each in distributions()},
            "importable": importable(),
            "python": ".".join(map(str, sys.version_info[:3])),
        },
        sort_keys=True,
    )


def importable():
    found = []
    try:
        import PyInstaller
        found.append("PyInstaller")
    except ImportError:
        pass
    try:
        import _pyinstaller_hooks_contrib
        found.append("_pyinstaller_hooks_contrib")
    except ImportError:
        pass
    try:
        import altgraph
        found.append("altgraph")
    except ImportError:
        pass
    try:
        from packaging import version
        found.append("packaging")
    except ImportError:
        pass
    try:
        import setuptools
        found.append("setuptools")
    except ImportError:
        pass
    try:
        import onebin
        found.append("onebin")
    except ImportError:
        pass
    return found
'''


def write_inquiry(bundle: Bundle) -> None:
    """Write the project `inquiry` beside the other projects of a bundle."""
    write_project(bundle.project("inquiry"), INQUIRY, points={"tinyhost.greeters": {"inquiry": "inquiry:greet"}})


@pytest.fixture(scope="session")
def tiny(onebin: Onebin, shared: Path) -> Bundle:
    """Return the built bundle of tinyhost with three plugins, one with a data file; tests must not change it."""
    folder = shared / "tiny"
    with FileLock(shared / "tiny.lock", timeout=600):
        if not folder.exists():
            shutil.rmtree(shared / "tiny.draft", ignore_errors=True)
            draft = Bundle.of(shared / "tiny.draft", "tiny", "greet-servus", "greet-hello", "inquiry", as_projects=True)
            write_inquiry(draft)
            draft.build(onebin)
            draft.folder.rename(folder)
    return Bundle(folder=folder, name="tiny")


@pytest.fixture(scope="session")
def layouts(onebin: Onebin, shared: Path) -> Mapping[str, Path]:
    """Return executables of tinyhost with one plugin in the layouts without a launcher; tests must not change them."""
    made = {}
    for layout in ("onefile", "onedir"):
        bundle = Bundle(folder=shared / layout, name="laid")
        made[layout] = bundle.artifact if layout == "onefile" else bundle.folder / "dist" / "laid" / f"laid{EXE}"
        with FileLock(shared / f"{layout}.lock", timeout=600):
            if not bundle.folder.exists():
                shutil.rmtree(shared / f"{layout}.draft", ignore_errors=True)
                draft = Bundle.of(shared / f"{layout}.draft", "laid", "greet-servus", as_projects=True)
                with draft.manifest.open("a") as stream:
                    stream.write(f'\n[freeze]\nlayout = "{layout}"\n')
                draft.build(onebin)
                draft.folder.rename(bundle.folder)
    return made


@pytest.fixture(scope="session")
def flagship(onebin: Onebin, shared: Path) -> Bundle:
    """Return the built bundle of the manifest at the root; tests must not change it."""
    bundle = Bundle(folder=shared / "flagship", name="logscan")
    with FileLock(shared / "flagship.lock", timeout=600):
        if not bundle.artifact.exists():
            shutil.rmtree(bundle.folder, ignore_errors=True)
            shutil.copytree(ROOT / "examples" / "logscan", bundle.folder / "examples" / "logscan")
            for manifest in ("bundle.toml", "bundle.lite.toml"):
                shutil.copy2(ROOT / manifest, bundle.folder)
            assert "warning" not in bundle.build(onebin).err
    return bundle


@dataclass(frozen=True, kw_only=True)
class Hosts:
    """Builds each example host once per session, in whichever worker is first."""

    onebin: Onebin
    folder: Path

    def __call__(self, name: str) -> Path:
        """Return the artifact of a host, beside its manifest and lock."""
        work = self.folder / name
        artifact = work / f"{name}{EXE}"
        with FileLock(self.folder / f"{name}.lock", timeout=600):
            if not artifact.exists():
                shutil.copytree(HOSTS / name, work, ignore=LEFT_BY_BUILDS, dirs_exist_ok=True)
                ran = self.onebin("bundle", "-o", artifact, cwd=work)
                assert ran.code == 0, ran.err
        return artifact


@pytest.fixture(scope="session")
def hosts(onebin: Onebin, shared: Path) -> Hosts:
    """Return the builder of the example hosts."""
    folder = shared / "hosts"
    folder.mkdir(exist_ok=True)
    return Hosts(onebin=onebin, folder=folder)


@pytest.fixture(scope="session")
def followed(onebin: Onebin, shared: Path) -> Followed:
    """Return what follows the pages of the documentation."""
    folder = shared / "pages"
    folder.mkdir(exist_ok=True)
    return Followed(onebin=onebin, folder=folder)


@pytest.fixture
def alone(tiny: Bundle, tmp_path: Path) -> Alone:
    """Return the tiny artifact, copied alone into an empty folder."""
    return Alone.copy(tiny.artifact, tmp_path / "alone")


@pytest.fixture(scope="session")
def bundle_dir(shared: Path, onebin: Onebin) -> Path:
    """Return the directory of a bundle of `seer` with all its plugins but the native one, built once per session."""
    names = ("entry-points", "names", "computed", "data", "source", "processes", "environment", "terminal")
    directory = shared / "seer"
    with FileLock(shared / "seer.lock"):
        if not (directory / "dist" / f"seer{EXE}").exists():
            directory.mkdir(exist_ok=True)
            projects = (*(f"sees-{name}" for name in names), "seer-plugin")
            write_seer(directory, {name: PROJECTS / name for name in projects})
            built = onebin("bundle", cwd=directory)
            assert built.code == 0, built.err
    return directory


def write_seer(directory: Path, plugins: Mapping[str, Path]) -> None:
    """Write the manifest of `seer` with plugins from these paths."""
    rows = "".join(f'{name} = {{ path = "{place.as_posix()}" }}\n' for name, place in plugins.items())
    host = f'path = "{(PROJECTS / "seer").as_posix()}"\nscript = "seer"'
    text = f'[bundle]\nname = "seer"\n\n[host]\n{host}\n\n[plugins]\n{rows}'
    directory.joinpath("bundle.toml").write_text(text, "utf-8")


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """Builds and installs each tiny host once per session for each Python, in whichever worker is first."""

    onebin: Onebin
    folder: Path
    homes: Path
    known: dict[str, Pair] = field(default_factory=dict)

    def __call__(self, host: str, minor: str, *plugins: str) -> Pair:
        """Return a host with its plugins; skip the test if this machine does not have the Python."""
        name = f"{host}-{minor}"
        if name not in self.known:
            self.known[name] = self._make(host, minor, *plugins)
        return self.known[name]

    def _make(self, host: str, minor: str, *plugins: str) -> Pair:
        python = next((each for each in installed() if each.minor == minor), None)
        if python is None:
            pytest.skip(f"no Python {minor} on this machine")
        folder = self.folder / f"{host}-{minor}"
        alone, environment = folder / "alone" / f"{host}{EXE}", folder / "environment"
        with FileLock(self.folder / f"{folder.name}.lock", timeout=600):
            if not alone.exists():
                shutil.rmtree(folder, ignore_errors=True)
                python_file = str(python.executable)
                bundle = Bundle.of(folder / "bundle", host, *plugins, host=host, python=python_file, as_projects=True)
                _name_dependency(bundle)
                _install(environment, python.executable, [bundle.project(each) for each in (host, *plugins)])
                bundle.build(self.onebin)
                Alone.copy(bundle.artifact, alone.parent)
        home = self.homes / folder.name
        home.mkdir(exist_ok=True)
        succeed([alone], whole_env={**ENVIRONMENT, "HOME": str(home)})
        (tree,) = home.glob(f".cache/onebin/artifacts/{host}-*")
        there = Installed(program=environment / "bin" / host, prefix=environment, base=python.prefix, home=self.homes)
        here = Installed(program=alone, prefix=tree, base=tree / "python", home=home)
        return Pair(minor=minor, installed=there, artifact=here)


def _name_dependency(bundle: Bundle) -> None:
    """Say in the requirement of a plugin where the dependency is: such a path is absolute."""
    requirements = bundle.project("toolbox-extra") / "pyproject.toml"
    place = bundle.project("toolbox-kernels").as_uri()
    requirements.write_text(requirements.read_text("utf-8").replace("@ KERNELS", f"@ {place}"), "utf-8")


def _install(environment: Path, python: Path, projects: Sequence[Path]) -> None:
    """Make a virtual environment with some projects."""
    succeed([find_uv_bin(), "venv", "--quiet", "--python", python, environment])
    succeed([find_uv_bin(), "pip", "install", "--quiet", "--python", environment / "bin" / "python", *projects])


@pytest.fixture(scope="session")
def pairs(onebin: Onebin, shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Pairs:
    """Return the builder of programs that are both installed and artifacts; tests must not change them."""
    folder = shared / "pairs"
    folder.mkdir(exist_ok=True)
    return Pairs(onebin=onebin, folder=folder, homes=tmp_path_factory.mktemp("homes"))


@pytest.fixture
def toolbox(pairs: Pairs, tmp_path: Path) -> Both:
    """Return the toolbox, installed and as an artifact."""
    return Both(pair=pairs("toolbox", "3.11", "toolbox-extra"), folder=tmp_path)


@pytest.fixture(params=each_python(always=("3.13",)))
def each_toolbox(request: pytest.FixtureRequest, pairs: Pairs, tmp_path: Path) -> Both:
    """Return the toolbox with each version of Python."""
    return Both(pair=pairs("toolbox", request.param, "toolbox-extra"), folder=tmp_path)


@pytest.fixture
def bookshop(pairs: Pairs, tmp_path: Path) -> Both:
    """Return the bookshop, installed and as an artifact."""
    return Both(pair=pairs("bookshop", "3.11"), folder=tmp_path)

"""Fixtures of the end-to-end tests: artifacts that are built once per session."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from filelock import FileLock

from support.bundles import Alone, Bundle
from support.processes import EXE
from support.projects import PROJECTS, ROOT, write_project

if TYPE_CHECKING:
    from collections.abc import Mapping
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
            draft = Bundle.of(shared / "tiny.draft", "tiny", "greet-servus", "greet-hello", "inquiry")
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
                draft = Bundle.of(shared / f"{layout}.draft", "laid", "greet-servus")
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

"""Bundles of tiny projects in folders of their own, and artifacts that run with nothing around them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from conftest import Onebin, Ran

ROOT = Path(__file__).parents[2]
PROJECTS = ROOT / "tests" / "projects"
RUN_SECONDS = 60
EXE = ".exe" if sys.platform == "win32" else ""

# Windows cannot start a program without it.
_EMPTY = {name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ}


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a program left: its exit code (negative: ended by that signal) and what it printed."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, kw_only=True)
class Alone:
    """An artifact that was copied away from where it was built, into a folder that holds nothing else."""

    file: Path

    @classmethod
    def copy(cls, artifact: Path, folder: Path) -> Alone:
        """Copy an artifact into a new folder."""
        folder.mkdir(parents=True)
        return cls(file=Path(shutil.copy2(artifact, folder)))

    def __call__(self, *arguments: str, stdin: str = "") -> Said:
        """Run it there with an empty environment."""
        done = subprocess.run(
            [self.file, *arguments],
            cwd=self.file.parent,
            env=_EMPTY,
            input=stdin.encode(),
            capture_output=True,
            timeout=RUN_SECONDS,
            check=False,
        )
        return Said(code=done.returncode, out=_text(done.stdout), err=_text(done.stderr))


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """A folder with a manifest and a private copy of the tiny projects."""

    folder: Path
    name: str

    @classmethod
    def of(cls, folder: Path, name: str, *plugins: str, host: str = "tinyhost", python: str | None = None) -> Bundle:
        """Write a manifest whose host and plugins are projects by these names, with a script of the host's name."""
        bundle = cls(folder=folder, name=name)
        shutil.copytree(PROJECTS, bundle.project(""))
        rows = "".join(f'{plugin} = {{ path = "projects/{plugin}" }}\n' for plugin in plugins)
        bundle.manifest.write_text(
            f'[bundle]\nname = "{name}"\n'
            + (f'python = "{python}"\n' if python else "")
            + f'\n[host]\npath = "projects/{host}"\nscript = "{host}"\n\n[plugins]\n{rows}',
            "utf-8",
        )
        return bundle

    @property
    def manifest(self) -> Path:
        """The manifest."""
        return self.folder / "bundle.toml"

    @property
    def lock(self) -> Path:
        """The lock, once it was made."""
        return self.folder / f"pylock.{self.name}.toml"

    @property
    def artifact(self) -> Path:
        """Where the artifact goes."""
        return self.folder / "dist" / f"{self.name}{EXE}"

    def project(self, name: str) -> Path:
        """Return the folder of a project; of all of them for an empty name."""
        return self.folder / "projects" / name

    def build(self, onebin: Onebin, *options: str) -> Ran:
        """Build it; a failure is the test's."""
        ran = onebin("bundle", *options, cwd=self.folder)
        assert ran.code == 0, ran.err
        return ran


def pythons(onebin: Onebin, folder: Path, version: str) -> list[str]:
    """Return the versions of all usable Pythons; skips the test if none is of that minor version."""
    examined = json.loads(onebin("doctor", "--json", cwd=folder).out)
    usable = [each["name"].removeprefix("python ") for each in examined if each["ok"]]
    if not any(each.startswith(f"{version}.") for each in usable):
        pytest.skip(f"no Python {version} with a shared library on this machine")
    return usable


def write_project(
    folder: Path,
    source: str,
    *,
    dependencies: Sequence[str] = (),
    points: Mapping[str, Mapping[str, str]],
) -> None:
    """Write a project of one package whose name is the folder's; `points` are its entry points by group."""
    name = folder.name
    package = folder / "src" / name.replace("-", "_")
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(source, "utf-8")
    groups = "".join(
        f'\n[project.entry-points."{group}"]\n' + "".join(f'{key} = "{value}"\n' for key, value in rows.items())
        for group, rows in points.items()
        if group != "console_scripts"
    )
    scripts = "".join(f'{key} = "{value}"\n' for key, value in points.get("console_scripts", {}).items())
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n\n'
        f'[project]\nname = "{name}"\nversion = "3.4.5"\nrequires-python = ">=3.10"\n'
        f"dependencies = {list(dependencies)}\n{groups}\n[project.scripts]\n{scripts}\n"
        f'[tool.hatch.build.targets.wheel]\npackages = ["src/{package.name}"]\n',
        "utf-8",
    )


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace").replace("\r\n", "\n")

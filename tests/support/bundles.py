"""Bundles of tiny projects in folders of their own, and artifacts that run with nothing around them."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .processes import EMPTY_ENVIRONMENT, EXE, run
from .projects import PROJECTS

if TYPE_CHECKING:
    from .command import Onebin
    from .processes import Result

ALONE_SECONDS = 60


@dataclass(frozen=True, kw_only=True)
class Alone:
    """An artifact that was copied away from where it was built, into a folder that holds nothing else."""

    file: Path

    @classmethod
    def copy(cls, artifact: Path, folder: Path) -> Alone:
        """Copy an artifact into a new folder."""
        folder.mkdir(parents=True)
        return cls(file=Path(shutil.copy2(artifact, folder)))

    def __call__(self, *arguments: str, stdin: str = "") -> Result:
        """Run it there with an empty environment."""
        return run(
            [str(self.file), *arguments],
            cwd=self.file.parent,
            whole_env=EMPTY_ENVIRONMENT,
            stdin=stdin,
            seconds=ALONE_SECONDS,
            errors="replace",
        )


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

    def build(self, onebin: Onebin, *options: str) -> Result:
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

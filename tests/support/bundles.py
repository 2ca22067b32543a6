"""Bundles of tiny projects in their own folders, and artifacts that run in empty folders."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .processes import EMPTY_ENVIRONMENT, EXE, run
from .projects import PROJECTS
from .wheels import wheel_of

if TYPE_CHECKING:
    from .command import Onebin
    from .processes import Result

ALONE_SECONDS = 60


@dataclass(frozen=True, kw_only=True)
class Alone:
    """An artifact that was copied from its build folder to a folder that contains nothing else."""

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

    def make_lean(self) -> None:
        """Let the artifact have only what is reached of libraries; nothing may have added [freeze] to the manifest."""
        with self.manifest.open("a", encoding="utf-8") as stream:
            stream.write('\n[freeze]\ncollect = "lean"\n')

    @classmethod
    def of(
        cls,
        folder: Path,
        name: str,
        *plugins: str,
        host: str = "tinyhost",
        python: str | None = None,
        as_projects: bool = False,
    ) -> Bundle:
        """Write a manifest with these projects as host and plugins; the script is named like the host.

        Those of the tiny projects are given as wheels, which take no time to build, unless the test needs projects.
        """
        bundle = cls(folder=folder, name=name)
        shutil.copytree(PROJECTS, bundle.project(""))
        tiny = set() if as_projects else {each.name for each in PROJECTS.iterdir()}
        paths = {each: bundle.wheel(each) if each in tiny else f"projects/{each}" for each in (host, *plugins)}
        rows = "".join(f'{plugin} = {{ path = "{paths[plugin]}" }}\n' for plugin in plugins)
        bundle.manifest.write_text(
            f'[bundle]\nname = "{name}"\n'
            + (f'python = "{python}"\n' if python else "")
            + f'\n[host]\npath = "{paths[host]}"\nscript = "{host}"\n\n[plugins]\n{rows}',
            "utf-8",
        )
        return bundle

    def wheel(self, project: str) -> str:
        """Write the wheel of a project, and return its path relative to the manifest."""
        return f"wheels/{wheel_of(self.project(project), self.folder / 'wheels').name}"

    @property
    def manifest(self) -> Path:
        """The manifest."""
        return self.folder / "bundle.toml"

    @property
    def lock(self) -> Path:
        """The path of the lock."""
        return self.folder / f"pylock.{self.name}.toml"

    @property
    def artifact(self) -> Path:
        """The path of the artifact."""
        return self.folder / "dist" / f"{self.name}{EXE}"

    def project(self, name: str) -> Path:
        """Return the folder of a project; for an empty name, the folder of all projects."""
        return self.folder / "projects" / name

    def build(self, onebin: Onebin, *options: str) -> Result:
        """Build the bundle; a failed build fails the test."""
        ran = onebin("bundle", *options, cwd=self.folder)
        assert ran.code == 0, ran.err
        return ran


def pythons(onebin: Onebin, folder: Path, version: str) -> list[str]:
    """Return the versions of all usable Pythons; skip the test if none has this minor version."""
    examined = json.loads(onebin("doctor", "--json", cwd=folder).out)
    usable = [each["name"].removeprefix("python ") for each in examined if each["ok"]]
    if not any(each.startswith(f"{version}.") for each in usable):
        pytest.skip(f"no Python {version} with a shared library on this machine")
    return usable

"""The tiny hosts and plugins, and a function that writes more such projects."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT = Path(__file__).parents[2]
PROJECTS = ROOT / "tests" / "projects"


def write_project(
    folder: Path,
    source: str,
    *,
    dependencies: Sequence[str] = (),
    points: Mapping[str, Mapping[str, str]],
) -> None:
    """Write a project with one package named like the folder; `points` are its entry points by group."""
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

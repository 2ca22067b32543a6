"""Projects near a manifest: which one a wrong path or name means, and the scripts that one declares."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from onebin.manifest import declared_scripts, near_project

if TYPE_CHECKING:
    from pathlib import Path

PROJECT = '[project]\nname = "{name}"\nversion = "1"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with two projects, a wheel, and files that are no projects."""
    for path, name in {
        "plugins/csv": "acme-csv",
        "plugins/xml": "acme-xml",
        "some-tool": "x",
        ".venv/csw": "csw",
    }.items():
        (tmp_path / path).mkdir(parents=True)
        (tmp_path / path / "pyproject.toml").write_text(PROJECT.format(name=name), "utf-8")
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels" / "orbit-1.0-py3-none-any.whl").touch()
    (tmp_path / "plugins" / "readme").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("wanted", "meant"),
    [
        ("plugin/csv", "plugins/csv"),
        ("./plugins/cvs", "plugins/csv"),
        ("plugins/acme_xml", "plugins/xml"),
        ("acme-csw", "plugins/csv"),
        ("csv", "plugins/csv"),
        ("wheels/orbit-1.1-py3-none-any.whl", "wheels/orbit-1.0-py3-none-any.whl"),
        ("orbitt", "wheels/orbit-1.0-py3-none-any.whl"),
        ("some-tol", "some-tool"),
        ("readme", None),
        ("entirely-different", None),
    ],
)
def test_nearest_project_is_found_by_path_and_name(folder: Path, wanted: str, meant: str | None) -> None:
    """A project is found by a similar path, folder or name; hidden folders and those without projects are not."""
    assert near_project(wanted, folder) == meant


@pytest.mark.parametrize(
    ("more", "scripts"),
    [
        ("", ()),
        ('[project.scripts]\nb = "x:b"\na = "x:a"\n[project.gui-scripts]\nc = "x:c"\n', ("a", "b", "c")),
        ('dynamic = ["scripts"]\n', None),
        ('dynamic = ["readme"]\n[project.scripts]\na = "x:a"\n', ("a",)),
        ("[project]\n", None),
        ("= what\n", None),
    ],
)
def test_declared_scripts_are_read(folder: Path, more: str, scripts: tuple[str, ...] | None) -> None:
    """Scripts are read from pyproject.toml (PEP 621), unless a build decides on them or the file is not TOML."""
    project = folder / "plugins" / "csv"
    (project / "pyproject.toml").write_text(PROJECT.format(name="acme-csv") + more, "utf-8")
    assert declared_scripts(project) == (None if scripts is None else ("acme-csv", scripts))


def test_scripts_of_other_projects_are_not_declared(folder: Path) -> None:
    """Without a [project] table, or without pyproject.toml, only a build knows the scripts."""
    assert declared_scripts(folder / "wheels" / "orbit-1.0-py3-none-any.whl") is None
    (folder / "plugins" / "xml" / "pyproject.toml").write_text("[tool.x]\n", "utf-8")
    assert declared_scripts(folder / "plugins" / "xml") is None
    assert declared_scripts(folder / "nowhere") is None

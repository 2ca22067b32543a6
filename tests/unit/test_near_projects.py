"""What a manifest's rows lead to: projects that a wrong path means, their scripts, and rows that are there twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from onebin.errors import ManifestError
from onebin.manifest import check_projects, check_rows, declared_scripts, near_project
from support import builders

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


def test_project_of_another_row_is_not_suggested(folder: Path) -> None:
    """A path that does not exist does not mean the project of another row: what is left is suggested, or nothing."""
    rows = '[plugins]\na = { path = "plugins/cvs" }\nb = { path = "./plugins/csv" }\n'
    assert near_project("plugins/cvs", folder, taken=[folder / "plugins" / "csv"]) is None
    with pytest.raises(ManifestError) as caught:
        check_projects(builders.manifest(rows, directory=folder))
    (found,) = caught.value.findings
    assert (found.place.key, "did you mean" in str(found.hint)) == ("plugins.a.path", False)
    assert near_project("acme-cml", folder, taken=[folder / "plugins" / "csv"]) == "plugins/xml"


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


HOSTS = {
    "requirement": 'package = "acme.CSV[rich]>=1"',
    "path": 'path = "plugins/csv"',
    "repository": 'git = "https://host/csv"\nname = "acme_csv"',
    "unnamed path": 'path = "plugins/plain"',
}


@pytest.mark.parametrize(
    ("host", "row"),
    [
        ("requirement", 'acme-csv = "*"'),
        ("requirement", 'x = { package = "Acme_CSV", extras = ["rich"] }'),
        ("requirement", 'x = { path = "plugins/csv" }'),
        ("requirement", 'x = { path = "wheels/acme_csv-1.0-py3-none-any.whl" }'),
        ("path", 'acme-csv = { git = "https://host/csv" }'),
        ("path", 'x = { path = "plugins/../plugins/csv" }'),
        ("repository", 'x = { path = "plugins/csv" }'),
        ("unnamed path", 'x = { path = "./plugins/plain" }'),
    ],
)
def test_plugin_that_is_the_host_is_refused(folder: Path, host: str, row: str) -> None:
    """A row for the host's own distribution is an error, whatever way either is named; its modules are a plugin."""
    (folder / "plugins" / "plain").mkdir()
    (folder / "plugins" / "plain" / "setup.py").touch()
    rows = f'[plugins]\nother = "*"\n{row}\nparts = {{ package = "acme-csv", modules = ["acme.parts"] }}'
    with pytest.raises(ManifestError) as caught:
        check_rows(builders.manifest(rows, host=f'{HOSTS[host]}\nscript = "x"', directory=folder))
    (found,) = caught.value.findings
    assert found.message == "it is the host itself"
    assert "it needs no row" in str(found.hint)


def test_plugin_with_two_rows_is_refused(folder: Path) -> None:
    """Two rows for one distribution are an error at the second one, unless they name the modules of each."""
    rows = '[plugins]\na = { path = "plugins/xml" }\nacme-xml = "*"\nb = { package = "c", modules = ["c.b"] }\nc = "*"'
    with pytest.raises(ManifestError) as caught:
        check_rows(builders.manifest(rows, directory=folder))
    assert [(each.place.key, each.message) for each in caught.value.findings] == [
        ("plugins.acme-xml", "it is the same package as the plugin a")
    ]

"""Local projects of a manifest: check that they exist and can be read, and read the groups that they extend."""

from __future__ import annotations

import configparser
import zipfile
from typing import TYPE_CHECKING

from onebin.errors import Finding, ManifestError
from onebin.manifest.toml import key_path
from onebin.system import display, is_there, read_toml

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from onebin.manifest.load import Manifest


# uv takes a folder with one of these files as a project.
PROJECT_MARKS = ("pyproject.toml", "setup.py")

# All files that may declare the requirements of a project.
PROJECT_FILES = (*PROJECT_MARKS, "setup.cfg")

_ENTRY_POINTS = ".dist-info/entry_points.txt"


def check_projects(manifest: Manifest) -> None:
    """Raise ManifestError for all local paths that do not exist or cannot be installed."""
    rows = [("host", manifest.host), *((key_path(("plugins", row.name)), row) for row in manifest.plugins)]
    findings = [
        Finding(f"{display(manifest.file)}: {key}.path", message, hint)
        for key, row in rows
        if row.path is not None
        for message, hint in _path_problem(manifest.directory, row.path)
    ]
    if findings:
        raise ManifestError("a local path of the manifest cannot be installed", findings)


def _path_problem(directory: Path, path: str) -> Iterator[tuple[str, str]]:
    target = directory / path
    if not is_there(target):
        yield (
            f"{path} does not exist",
            f"onebin looked for {display(target)}; paths are relative to the manifest",
        )
    elif target.is_dir() and not any((target / name).is_file() for name in PROJECT_MARKS):
        yield (
            f"{path} is not a Python project",
            "it has neither pyproject.toml nor setup.py; give the project's own folder",
        )
    elif target.is_dir() and (problem := _project_problem(target)):
        yield f"{path}: {problem}", "fix its pyproject.toml"
    elif not target.is_dir() and not target.is_file():
        yield f"{path} is not a regular file", "give a project's folder, a .whl or a .tar.gz"
    elif target.is_file() and not target.name.endswith((".whl", ".tar.gz")):
        yield (
            f"{path} is not a wheel or a source archive",
            "give a project's folder, a .whl or a .tar.gz",
        )


def _project_problem(project: Path) -> str | None:
    """Return why a project's metadata (PEP 621) cannot be read, as far as its pyproject.toml shows it."""
    file = project / "pyproject.toml"
    try:
        table = read_toml(file).get("project", {}) if file.is_file() else {}
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        return f"its pyproject.toml cannot be read: {reason}"
    if table and not (isinstance(table, dict) and table.get("name")):
        return "its pyproject.toml has a [project] without a name"
    return None


def declared_groups(path: Path) -> tuple[str, ...] | None:
    """Return the groups of entry points, except scripts, of a local project (PEP 621) or wheel; None if not known.

    They are not known if a project has no [project] table, or if its build decides.
    """
    try:
        if path.is_dir():
            table = read_toml(path / "pyproject.toml")["project"]
            return None if "entry-points" in table.get("dynamic", ()) else tuple(table.get("entry-points", {}))
        with zipfile.ZipFile(path) as wheel:
            texts = [wheel.read(name).decode() for name in wheel.namelist() if name.endswith(_ENTRY_POINTS)]
        parser = configparser.ConfigParser(delimiters=("=",), strict=False, interpolation=None)
        parser.read_string("\n".join(texts))
        return tuple(group for group in parser.sections() if group not in {"console_scripts", "gui_scripts"})
    except (OSError, ValueError, KeyError, AttributeError, TypeError, zipfile.BadZipFile, configparser.Error):
        return None

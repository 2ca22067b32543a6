"""What the rows of a manifest lead to: check that local projects can be read, and that no row is there twice."""

from __future__ import annotations

import difflib
from collections import deque
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from onebin.errors import Finding, ManifestError
from onebin.manifest.toml import key_path
from onebin.system import canonical_name, display, is_there, read_toml

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from onebin.manifest.load import Manifest
    from onebin.manifest.tables import Host, PluginRow


# uv takes a folder with one of these files as a project.
PROJECT_MARKS = ("pyproject.toml", "setup.py")

# All files that may declare the requirements of a project.
PROJECT_FILES = (*PROJECT_MARKS, "setup.cfg")

# By the first part of the module of a build backend: the settings that decide what is in a wheel.
_OF_WHEELS = {
    "hatchling": "[tool.hatch.build.targets.wheel] packages, include and exclude (what git ignores is left out, too)",
    "setuptools": "[tool.setuptools] packages and packages.find (a package needs an __init__.py)",
    "poetry": "[tool.poetry] packages, include and exclude",
    "flit_core": "[tool.flit.module] name (it packs one module or package)",
    "pdm": "[tool.pdm.build] includes and excludes",
    "uv_build": "[tool.uv.build-backend] module-name and module-root",
    "maturin": "[tool.maturin] python-source and include",
    "scikit_build_core": "[tool.scikit-build] wheel.packages",
}

_NO_PLUGIN = (
    "it needs no row, as it is in the bundle anyway; its extras belong in [host]; if a part of it is the plugin, name "
    'that part: { modules = ["..."] }'
)
_TWICE = "remove one of the two; if they are two parts of it, name the modules of each: modules = [...]"

# Where to look for a project that a wrong path or name may mean.
_ALIKE = 0.75
_ARCHIVES = (".whl", ".tar.gz")
_DEEPEST = 3
_MOST_ENTRIES = 2000
_NOT_SOURCES = frozenset({"build", "dist", "node_modules", "site-packages", "venv"})


def check_projects(manifest: Manifest) -> None:
    """Raise ManifestError for all local paths that do not exist or cannot be installed."""
    rows = [("host", manifest.host), *((key_path(("plugins", row.name)), row) for row in manifest.plugins)]
    findings = [
        Finding(f"{display(manifest.file)}: {key}.path", message, hint)
        for key, row in rows
        if row.path is not None
        for message, hint in _path_problem(manifest, row.path)
    ]
    if findings:
        raise ManifestError("a local path of the manifest cannot be installed", findings)


def check_rows(manifest: Manifest) -> None:
    """Raise ManifestError for all plugins that are the host itself, or the plugin of an earlier row.

    A row that names modules may be a part of either.
    """
    host = ("it is the host itself", _NO_PLUGIN)
    owners = dict.fromkeys(_identities(manifest.host, manifest.directory), host)
    findings = []
    for row in manifest.plugins:
        found = [] if row.modules else _identities(row, manifest.directory)
        findings += [Finding(manifest.where(row), *owners[each]) for each in found if each in owners][:1]
        for each in found:
            owners.setdefault(each, (f"it is the same package as the plugin {row.name}", _TWICE))
    if findings:
        raise ManifestError("a plugin is in the bundle already", findings)


def _identities(row: Host | PluginRow, directory: Path) -> list[str]:
    """Return what shows that two rows are the same: the name of the distribution, and the path of a local one."""
    path = None if row.path is None else directory / row.path
    name = row.distribution or (path and distribution_at(path)[0])
    return [*([f"name {canonical_name(name)}"] if name else []), *([f"path {path.resolve()}"] if path else [])]


def distribution_at(path: Path) -> tuple[str | None, str | None]:
    """Return name and version of a project, wheel or source archive; None for what only a build knows.

    Those of a project are in its pyproject.toml (PEP 621), those of an archive in its file's name.
    """
    if path.name.endswith(_ARCHIVES):
        from packaging.utils import parse_sdist_filename, parse_wheel_filename  # noqa: PLC0415  # slow to load

        read = parse_wheel_filename if path.suffix == ".whl" else parse_sdist_filename
        try:
            return str(read(path.name)[0]), str(read(path.name)[1])
        except ValueError:
            return None, None
    table = _project_table(path)
    name, version = (value if isinstance(value := table.get(key), str) else None for key in ("name", "version"))
    return name, version


def local_paths(manifest: Manifest) -> list[Path]:
    """Return the paths of the projects, wheels and source archives in the manifest's rows."""
    rows = (manifest.host, *manifest.plugins)
    return [manifest.directory / row.path for row in rows if row.path is not None]


def _path_problem(manifest: Manifest, path: str) -> Iterator[tuple[str, str]]:
    target = manifest.directory / path
    if not is_there(target):
        near = near_project(path, manifest.directory, taken=local_paths(manifest))
        looked = f"onebin looked for {display(target)}; paths are relative to the manifest"
        yield f"{path} does not exist", f"did you mean {near}? {looked}" if near else looked
    elif target.is_dir() and not any((target / name).is_file() for name in PROJECT_MARKS):
        yield (
            f"{path} is not a Python project",
            "it has neither pyproject.toml nor setup.py; give the project's own folder",
        )
    elif target.is_dir() and (problem := _project_problem(target)):
        yield f"{path}: {problem}", "fix its pyproject.toml"
    elif not target.is_dir() and not target.is_file():
        yield f"{path} is not a regular file", "give a project's folder, a .whl or a .tar.gz"
    elif target.is_file() and not target.name.endswith(_ARCHIVES):
        yield (
            f"{path} is not a wheel or a source archive",
            "give a project's folder, a .whl or a .tar.gz",
        )


def declared_scripts(project: Path) -> tuple[str, tuple[str, ...]] | None:
    """Return the name of a project and its scripts as its pyproject.toml declares them (PEP 621).

    The answer is None if only a build knows them, or if the file cannot be read.
    """
    table = _project_table(project)
    scripts = {**_table(table.get("scripts")), **_table(table.get("gui-scripts"))}
    dynamic = table.get("dynamic")
    is_built = isinstance(dynamic, list) and any(key in dynamic for key in ("scripts", "gui-scripts", "entry-points"))
    if is_built or not isinstance(table.get("name"), str):
        return None
    return str(table["name"]), tuple(sorted(scripts))


def setting_of_wheels(project: Path) -> str:
    """Return which settings of a project decide what is in its wheel, by its build backend (PEP 517)."""
    try:
        backend = _table(read_toml(project / "pyproject.toml").get("build-system")).get("build-backend", "setuptools")
    except (OSError, ValueError):
        backend = "setuptools"  # what builds a project that names none
    return _OF_WHEELS.get(str(backend).partition(".")[0], f"the settings of its build backend, {backend}")


def _project_table(project: Path) -> dict[str, Any]:
    """Return the [project] table of a project's pyproject.toml, empty without one that can be read."""
    try:
        return _table(read_toml(project / "pyproject.toml").get("project"))
    except (OSError, ValueError, RecursionError):
        return {}


def _table(value: object) -> dict[str, Any]:
    return dict(value) if isinstance(value, dict) else {}


def near_project(wanted: str, directory: Path, *, taken: Iterable[Path] = ()) -> str | None:
    """Return the project, wheel or source archive below a directory that a wrong path or name probably means.

    It is none of those that are `taken` by other rows. The answer is relative to the directory, as a path in a
    manifest. Few levels and entries are searched.
    """
    by_name: dict[str, str] = {}
    others = {path.resolve() for path in taken}
    for path in _projects_below(directory):
        if (directory / path).resolve() in others:
            continue
        name = PurePosixPath(path).name
        by_name.setdefault(canonical_name(name.split("-")[0] if name.endswith(_ARCHIVES) else name), path)
        by_name.setdefault(canonical_name(str(_project_table(directory / path).get("name", path))), path)
        by_name.setdefault(path, path)
    parts = PurePosixPath(wanted.removeprefix("./"))
    for name in (str(parts), canonical_name(parts.name)):
        near = difflib.get_close_matches(name, by_name, 1, cutoff=_ALIKE)
        if near:
            return by_name[near[0]]
    return None


def _projects_below(directory: Path) -> Iterator[str]:
    """Yield the paths of projects and archives, relative to a directory, those near to it first."""
    folders, seen = deque([(directory, 0)]), 0
    while folders:
        folder, depth = folders.popleft()
        for each in _entries(folder):
            seen += 1
            if seen > _MOST_ENTRIES:
                return
            path = each.relative_to(directory).as_posix()
            if each.name.endswith(_ARCHIVES):
                yield path
            elif each.is_dir() and not each.is_symlink() and not each.name.startswith((".", "__")):
                if any((each / mark).is_file() for mark in PROJECT_MARKS):
                    yield path
                if depth + 1 < _DEEPEST and each.name not in _NOT_SOURCES:
                    folders.append((each, depth + 1))


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


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

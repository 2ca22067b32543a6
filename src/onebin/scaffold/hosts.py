"""Choose a host for a plugin, and read what it expects of plugins: from its source, and from its manifest.

A host is a project's folder, a manifest, an artifact, a wheel, or a requirement (PEP 508).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from packaging.requirements import Requirement
from packaging.version import Version

from onebin.card import inspect
from onebin.errors import Finding, FindingsError, ManifestError, without_manifest
from onebin.manifest import ExtensionPoint, Manifest, create_manifest, is_path, near_project
from onebin.pipeline import BuildRequest, survey_bundle
from onebin.scaffold.sources import Sources
from onebin.survey import SCRIPT_GROUPS, module_name
from onebin.system import absolute, display, is_there, scratch
from onebin.workspace import MANIFEST_NAME, Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onebin.pipeline import Events
    from onebin.python import PackageSource

_SCRIPT = re.compile(r"[\w.-]+")
_ARCHIVES = (".whl", ".tar.gz")
_PROJECT = "pyproject.toml"
# What a bundle starts that nobody will start: a function that every Python has.
NO_ENTRY = "sys:exit"


@dataclass(frozen=True, kw_only=True)
class HostChoice:
    """A host as it was given: the item that names it for `onebin init --host`, and what a manifest says of it.

    `folder` is the folder of its project, if it is local. `starts` has its `script` or `entry`, if that is known.
    `points`, `python` and `allow_source` are those of the manifest.
    """

    item: str
    folder: Path | None = None
    starts: Mapping[str, str] = field(default_factory=dict)
    points: Mapping[str, ExtensionPoint] = field(default_factory=dict)
    python: str | None = None
    allow_source: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Host:
    """What a plugin needs to know of its host: its name and version, the source of its modules, its manifest's words.

    `version` is None if only a build knows it.
    """

    name: str
    version: str | None
    sources: Sources
    starts: Mapping[str, str]
    points: Mapping[str, ExtensionPoint]


def choose_host(given: str) -> HostChoice:
    """Return the host that an argument of the command line means; raises ManifestError or ArtifactError."""
    path = Path(given)
    is_folder = is_there(path) and path.is_dir()
    if is_folder and (path / _PROJECT).is_file():
        return _of_project(path)
    if given.endswith(".toml") or (is_folder and (path / MANIFEST_NAME).is_file()):
        file = absolute(path / MANIFEST_NAME if is_folder else path)
        return _of_manifest(Manifest.load(file))
    if is_there(path) and not is_folder and not given.endswith(_ARCHIVES):
        return _of_artifact(path)
    if is_path(given) and not is_there(path):
        near = near_project(given, Path.cwd())
        hint = f"did you mean ./{near}?" if near else "a requirement has no slash: NAME or NAME>=1.2"
        raise FindingsError("the host cannot be read", [Finding(given, "no such file or folder", hint)])
    return HostChoice(item=given)


def _of_project(folder: Path) -> HostChoice:
    """Return the host in a folder, with what the manifest beside its pyproject.toml says if it is about this host."""
    folder = absolute(folder)
    if (folder / MANIFEST_NAME).is_file():
        manifest = Manifest.load(folder / MANIFEST_NAME)
        chosen = _of_manifest(manifest)
        if chosen.folder == folder:
            return chosen
    return HostChoice(item=str(folder), folder=folder)


def _of_manifest(manifest: Manifest) -> HostChoice:
    row = manifest.host
    starts = {key: value for key in ("script", "entry") if (value := getattr(row, key)) is not None}
    place = None if row.path is None else absolute(manifest.directory / row.path)
    extras = f"[{','.join(row.extras)}]" if row.extras else ""
    return HostChoice(
        item=row.wanted if place is None else f"{place}{extras}",
        folder=place if place is not None and place.is_dir() else None,
        starts=starts,
        points=manifest.extension_points,
        python=manifest.bundle.python,
        allow_source=manifest.lock.allow_source,
    )


def _of_artifact(file: Path) -> HostChoice:
    """Return the host of an artifact in the version that is in it: its card has the manifest, and with it contracts."""
    facts = inspect(file).facts
    manifest = Manifest.parse(facts["manifest"]["text"], file=absolute(file))
    wanted = None if manifest.host.package is None else Requirement(manifest.host.package)
    if wanted is None or wanted.url is not None:
        message = f"its host {facts['host']['name']} is not from an index, and the artifact does not hold its project"
        finding = Finding(display(file), message, "name the host's project, its wheel or its manifest instead")
        raise ManifestError("an artifact cannot stand for this host", [finding])
    extras = f"[{','.join(sorted(wanted.extras))}]" if wanted.extras else ""
    return replace(_of_manifest(manifest), item=f"{wanted.name}{extras}=={facts['host']['version']}")


@contextmanager
def described(text: str, *, host: str, plugin: str = "", **options: Any) -> Iterator[BuildRequest]:
    """Provide the request for a manifest that is not in a file: its lock is made for this use only, then deleted.

    Errors name the arguments `host` and `plugin` instead of the manifest's rows.
    """
    with scratch() as directory, without_manifest(MANIFEST_NAME, host, plugin):
        workspace = Workspace.at(Path.cwd() / MANIFEST_NAME, lock_dir=directory)
        manifest = Manifest.parse(text, file=workspace.manifest_file)
        yield BuildRequest(manifest=manifest, workspace=workspace, **options)


def read_host(chosen: HostChoice, source: PackageSource, events: Events) -> Host:
    """Return what a host says of its plugins; one that is not a local project is installed first.

    Raises OnebinError.
    """
    if chosen.folder is not None:
        return _read_project(chosen, chosen.folder)
    text = create_manifest(name="host", host=chosen.item, entry=NO_ENTRY, directory=Path.cwd())
    with described(text, host="--for", source=source) as request:
        surveyed = survey_bundle(request, events)
    found = surveyed.host
    scripts = [point.name for point in found.entry_points if point.group in SCRIPT_GROUPS]
    return Host(
        name=found.title,
        version=found.version,
        sources=Sources(found.modules),
        starts=chosen.starts or _starts(found.title, scripts),
        points=chosen.points,
    )


def _read_project(chosen: HostChoice, folder: Path) -> Host:
    try:
        table = tomllib.loads((folder / _PROJECT).read_text("utf-8")).get("project", {})
        name = str(Requirement(table["name"]).name)
        version = str(Version(table["version"])) if "version" in table else None
    except (OSError, ValueError, KeyError, AttributeError, TypeError, RecursionError):
        finding = Finding(
            display(folder / _PROJECT), "it has no valid [project] with a name and version (PEP 621)", "fix it there"
        )
        raise FindingsError("the host cannot be read", [finding]) from None
    scripts = table.get("scripts")
    return Host(
        name=name,
        version=version,
        sources=Sources(dict(_modules_below(folder))),
        starts=chosen.starts or _starts(name, list(scripts) if isinstance(scripts, Mapping) else []),
        points=chosen.points,
    )


def _modules_below(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield the modules of a project that lie in src/, or else in packages of its folder."""
    source = folder / "src"
    files = source.rglob("*.py") if source.is_dir() else (folder.glob("*/**/*.py"))
    top = source if source.is_dir() else folder
    for file in sorted(files):
        inside = file.relative_to(top)
        name = module_name(PurePosixPath(inside.as_posix()))
        is_packaged = source.is_dir() or (folder / inside.parts[0] / "__init__.py").is_file()
        if name is not None and is_packaged and not any(part.startswith(".") for part in inside.parts):
            yield name, file


def _starts(name: str, scripts: list[str]) -> Mapping[str, str]:
    """Return the script by which a host is started: its only one, or that with its name."""
    scripts = [each for each in scripts if _SCRIPT.fullmatch(each)]
    script = next((each for each in scripts if each == name), scripts[0] if len(scripts) == 1 else None)
    return {} if script is None else {"script": script}

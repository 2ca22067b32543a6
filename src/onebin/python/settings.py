"""Which configuration files of uv count for a bundle, and how uv is held to them.

By itself, uv reads the first uv.toml, or pyproject.toml with a [tool.uv] table, in the working directory or above it.
That file can choose the index, and with it every package. So only a file of the project counts: one in the manifest's
folder, or above it up to the project's own folder. The configuration of the user and of the system counts as always.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tomli_w

from onebin.errors import OnebinError, os_errors
from onebin.system import VERSION_CONTROL, display, is_private, read_toml, scratch, surrounding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_OF_INDEXES = ("index", "index-url", "extra-index-url", "no-index", "find-links")
_VARIABLES = ("UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_NO_INDEX")
# uv looks no further than a pyproject.toml with this, for a workspace or for configuration.
_NO_PROJECT = {"tool": {"uv": {"managed": False}}}


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """One configuration file of uv, and the settings in it."""

    file: Path
    settings: Mapping[str, Any]

    @property
    def chooses_index(self) -> bool:
        """Whether it says where packages come from."""
        return any(key in table for table in (self.settings, self.settings.get("pip", {})) for key in _OF_INDEXES)


def of_project(directory: Path) -> Configuration | None:
    """Return the configuration that counts for a manifest's folder, if there is one; raises OnebinError."""
    return next(_configurations(_folders_of(directory), owner=directory), None)


def ignored_settings(directory: Path) -> Path | None:
    """Return the file that chooses an index and that uv would use by itself here, if it is not one of the project's."""
    own = set(_folders_of(directory))
    with suppress(OnebinError):
        for place in (Path.cwd(), directory):
            found = next(_configurations((place, *place.parents), owner=None), None)
            if found is not None and found.chooses_index and found.file.parent not in own:
                return found.file
    return None


def source_of_indexes(directory: Path, env: Mapping[str, str] = os.environ) -> str | None:
    """Return what chooses the index for a manifest's folder, for a message; None if nothing does. Raises OnebinError.

    It is a variable of uv, or configuration files.
    """
    named = [name for name in _VARIABLES if env.get(name)]
    if named:
        return f"the variable {named[0]}" if len(named) == 1 else f"the variables {', '.join(named)}"
    if env.get("UV_CONFIG_FILE"):
        return f"{env['UV_CONFIG_FILE']} (the variable UV_CONFIG_FILE)"
    if env.get("UV_NO_CONFIG"):
        return None
    project = of_project(directory)
    general = [Configuration(file=file, settings=_read(file)) for file in _general_files(env) if file.is_file()]
    chosen = [each for each in (project, *general) if each is not None and each.chooses_index]
    return " and ".join(display(each.file) for each in chosen) or None


def with_indexes(directory: Path | None, env: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return an environment in which `UV_INDEX` has the indexes of the configuration files that count, too."""
    with suppress(OnebinError):
        found = [] if directory is None or env.get("UV_NO_CONFIG") else _settings_of(directory, env)
        tables = [table for each in found for table in (each, each.get("pip", {})) if isinstance(table, dict)]
        rows = [row for table in tables for row in table.get("index", ()) if isinstance(row, dict)]
        words = [
            f"{row['name']}={row['url']}" if row.get("name") else str(row["url"]) for row in rows if row.get("url")
        ]
        return {**env, "UV_INDEX": " ".join(filter(None, [env.get("UV_INDEX"), *words]))}
    return {**env}


def _settings_of(directory: Path, env: Mapping[str, str]) -> list[Mapping[str, Any]]:
    """Return the settings in the configuration files that count for a manifest's folder; raises OnebinError."""
    if env.get("UV_CONFIG_FILE"):
        return [_read(Path(env["UV_CONFIG_FILE"]))]
    project = of_project(directory)
    general = [_read(file) for file in _general_files(env) if file.is_file()]
    return [*([project.settings] if project else []), *general]


@contextmanager
def project_for_uv(directory: Path | None) -> Iterator[tuple[Path, Path | None]]:
    """Yield a folder to give to uv as its project, and the file whose settings it has, which are the only ones there.

    Without a manifest's folder, it has no settings. Raises OnebinError.
    """
    found = None if directory is None else of_project(directory)
    with scratch() as folder:
        documents: dict[str, dict[str, Any]] = {"pyproject.toml": _NO_PROJECT}
        if found is not None:
            settings = _absolute(found.settings, found.file.parent)
            if found.file.name == "uv.toml":
                documents["uv.toml"] = settings
            else:
                kept = {key: value for key, value in settings.items() if key not in {"workspace", "sources"}}
                documents["pyproject.toml"] = {"tool": {"uv": {**kept, "managed": False}}}
        with os_errors(OnebinError, "write to", folder):
            for name, document in documents.items():
                (folder / name).write_text(tomli_w.dumps(document), "utf-8")
        yield folder, None if found is None else found.file


def _folders_of(directory: Path) -> tuple[Path, ...]:
    """Return a manifest's folder and those above it, up to the project's: the nearest one with version control.

    Without that, it is the nearest one with a pyproject.toml. A folder of another user, or to which everybody may
    write, is not the project's, nor is any above it.
    """
    ours = [*surrounding(directory)]
    for marks in (VERSION_CONTROL, ("pyproject.toml",)):
        for place, folder in enumerate(ours):
            if any((folder / mark).exists() for mark in marks):
                return tuple(ours[: place + 1])
    return (directory,)


def _configurations(folders: Iterable[Path], *, owner: Path | None) -> Iterator[Configuration]:
    """Yield the configuration in each folder, as uv finds it, unless it may be somebody else's than the `owner`'s."""
    for folder in folders:
        for name in ("uv.toml", "pyproject.toml"):
            file = folder / name
            if not file.is_file() or (owner is not None and not is_private(file, owner)):
                continue
            settings = _read(file) if name == "uv.toml" else _table(file)
            if settings is not None:
                yield Configuration(file=file, settings=settings)
                break


def _table(file: Path) -> Mapping[str, Any] | None:
    """Return the [tool.uv] table of a pyproject.toml; None without one, or if it cannot be read: uv goes on, too."""
    with suppress(OSError, ValueError, AttributeError):
        table = read_toml(file).get("tool", {}).get("uv")
        return table if isinstance(table, dict) else None
    return None


def _read(file: Path) -> Mapping[str, Any]:
    try:
        return read_toml(file)
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise OnebinError(f"cannot read uv's settings in {display(file)}: {reason}", "fix it, or remove it") from error


def _general_files(env: Mapping[str, str]) -> Iterator[Path]:
    """Yield where uv looks for the configuration of the user and of the system."""
    if sys.platform == "win32":
        yield Path(env.get("APPDATA", "")) / "uv" / "uv.toml"
        yield Path(env.get("SYSTEMDRIVE", "C:")) / "\\ProgramData" / "uv" / "uv.toml"
        return
    yield Path(env.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "uv" / "uv.toml"
    places = [Path(each) / "uv" / "uv.toml" for each in (env.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(os.pathsep)]
    yield next((each for each in places if each.is_file()), Path("/etc/uv/uv.toml"))


def _absolute(settings: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return settings in which paths of indexes, which are relative to the file's folder, are absolute."""

    def moved(value: Any) -> Any:
        if isinstance(value, list):
            return [moved(each) for each in value]
        if isinstance(value, dict):
            return {key: moved(item) if key == "url" else item for key, item in value.items()}
        is_path = isinstance(value, str) and "://" not in value and not value.startswith(("file:", "$"))
        return str(folder / value) if is_path else value

    changed = {key: moved(value) if key in _OF_INDEXES else value for key, value in settings.items()}
    if isinstance(settings.get("pip"), dict):
        changed["pip"] = _absolute(settings["pip"], folder)
    return changed

"""Find the lock of a bundle that got another name: a lock is named after its bundle.

Its versions are taken over; otherwise, a new name would upgrade everything at once.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from onebin.errors import LockError
from onebin.lock.file import INVALID, read_data
from onebin.platforms import PLATFORMS
from onebin.system import read_toml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from onebin.manifest import Manifest
    from onebin.workspace import Workspace


def find_predecessors(manifest: Manifest, workspace: Workspace) -> dict[Path, dict[str, Any]]:
    """Return the locks of the same host that no manifest in the folder uses, with their data."""
    own = replace(workspace, cell="", platform=None)
    bundles = dict(_bundles(workspace.directory))
    used = {own.lock_file(name) for name in bundles}
    used |= {replace(own, platform=each).lock_file(name) for name in bundles for each in PLATFORMS.values()}
    cells = tuple(own.lock_file(name).stem + "-" for name, has_matrix in bundles.items() if has_matrix)
    found = {}
    for file in sorted(workspace.lock_dir.glob("pylock.*.toml")):
        data = {} if file in used or file.name.startswith(cells) else _data(file)
        if data and _is_of_host(data["tool"]["onebin"], manifest):
            found[file] = data
    return found


def _data(file: Path) -> dict[str, Any]:
    try:
        data = read_data(file)
    except LockError:
        return {}
    return {} if data is INVALID else data


def _is_of_host(own: Mapping[str, Any], manifest: Manifest) -> bool:
    return bool(manifest.host.wanted == own["host-wanted"] or manifest.host.distribution == own["host"])


def _bundles(directory: Path) -> Iterator[tuple[str, bool]]:
    """Yield the name of each bundle that has a manifest in a folder, and whether it has a matrix."""
    for file in directory.glob("*.toml"):
        try:
            data = read_toml(file)
        except (OSError, ValueError):
            continue
        bundle = data.get("bundle")
        name = bundle.get("name") if isinstance(bundle, dict) else None
        if isinstance(name, str):
            yield name, "matrix" in data

"""What is known about a manifest's plugins without a build: what they require, what is locked, what they contribute."""

from __future__ import annotations

import csv
from collections.abc import Mapping  # noqa: TC003  # pydantic reads the types of these fields
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from onebin.lock import read
from onebin.stage import find
from onebin.survey import SCRIPT_GROUPS, read_entry_points

if TYPE_CHECKING:
    from pathlib import Path

    from onebin.pipeline.request import BuildRequest


@dataclass(frozen=True, kw_only=True)
class PluginStatus:
    """One row of `[plugins]`: what it asks for, and what the lock and the stage have for it.

    `distribution` and `locked` are None if the row is not locked as it is now. `contributes` has names of entry points
    by group, and `size` is that of the distribution's files in bytes; they are empty and None if it is not staged.
    `newest` is the newest release on the index, if that was asked for.
    """

    name: str
    wanted: str
    distribution: str | None
    locked: str | None
    contributes: Mapping[str, tuple[str, ...]]
    modules: tuple[str, ...]
    size: int | None = None
    newest: str | None = None


def list_plugins(request: BuildRequest, *, newest: bool = False) -> tuple[PluginStatus, ...]:
    """Return the status of each plugin, in the order of the manifest; resolves and installs nothing.

    With `newest`, an index is asked for the newest release of each.
    """
    lock = read(request.manifest, request.workspace)
    versions = {package.name: package.version or "local" for package in lock.packages} if lock else {}
    stage = find(lock, request.workspace.cache, moment=request.moment) if lock else None
    staged = dict(map(_identity, stage.site_packages.glob("*.dist-info"))) if stage else {}
    released: Mapping[str, str] = {}
    if newest and lock:
        from onebin.lock import newest_releases  # noqa: PLC0415  # slow to load, and seldom asked for

        names = [row.distribution for row in request.manifest.plugins if row.path is None and row.distribution]
        released = newest_releases(names, lock.interpreter, request.workspace.directory, request.source)
    rows = []
    for row in request.manifest.plugins:
        answer = lock.answers.get(row.name) if lock else None
        info = staged.get(answer or "")
        rows.append(
            PluginStatus(
                name=row.name,
                wanted=row.wanted or "modules only",
                distribution=answer,
                locked=_version(info) if info else versions.get(answer or ""),
                contributes=_groups(info) if info else {},
                modules=tuple(row.modules),
                size=_size(info) if info else None,
                newest=released.get(row.distribution or ""),
            )
        )
    return tuple(rows)


def _identity(info: Path) -> tuple[str, Path]:
    """Return the canonical name of the distribution of a .dist-info directory, and the directory."""
    return canonicalize_name(info.stem.rpartition("-")[0]), info


def _version(info: Path) -> str:
    return info.stem.rpartition("-")[2]


def _size(info: Path) -> int | None:
    """Return the size of a distribution's files, as its RECORD says; None without one."""
    try:
        with (info / "RECORD").open(encoding="utf-8", newline="") as stream:
            return sum(int(row[2]) for row in csv.reader(stream) if len(row) > 2 and row[2].isdecimal())
    except (OSError, ValueError, csv.Error):
        return None


def _groups(info: Path) -> dict[str, tuple[str, ...]]:
    groups: dict[str, tuple[str, ...]] = {}
    for point in read_entry_points(info):
        if point.group not in SCRIPT_GROUPS:
            groups[point.group] = (*groups.get(point.group, ()), point.name)
    return groups

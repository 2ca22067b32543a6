"""Recover a bundle's folder from the card of its artifact.

Takes the facts on a card, and writes the manifest and the lock into a folder. Local projects and data files are not on
a card, so the result lists which of them to put where. Raises OnebinError instead of replacing an existing file.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onebin import card, lock as locks
from onebin.card import Facts  # noqa: TC001  # pydantic reads the types of these fields
from onebin.errors import ArtifactError, OnebinError, os_errors
from onebin.manifest import Manifest
from onebin.system import absolute, display, is_there
from onebin.workspace import MANIFEST_NAME, Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


_HINT = "download the file again, or build it again"


@dataclass(frozen=True, kw_only=True)
class LocalPath:
    """A path of the manifest (or only of the lock), relative to its folder, and what is expected there.

    `package` is the name of the locked package that was built from it, if any, and `locked_as` is its path in the lock.
    """

    what: str
    path: str
    package: str | None = None
    locked_as: str | None = None

    @property
    def fits(self) -> bool:
        """Whether manifest and lock refer to the same location, wherever their folder is."""
        return self.locked_as is None or os.path.normpath(self.locked_as) == os.path.normpath(self.path)

    @property
    def is_data(self) -> bool:
        """Whether it is a file or folder of data that the manifest adds, and not a package."""
        return self.package is None and self.locked_as is None


@dataclass(frozen=True, kw_only=True)
class Recovered:
    """A folder with a manifest and a lock, what is still missing in it, and what else is on the card."""

    manifest_file: Path
    lock_file: Path
    local: tuple[LocalPath, ...]
    facts: Facts

    @property
    def missing(self) -> tuple[LocalPath, ...]:
        """The local paths that do not exist yet."""
        return tuple(each for each in self.local if not is_there(self.manifest_file.parent / each.path))


def recover(file: Path, directory: Path | None = None) -> Recovered:
    """Write the manifest and lock of an artifact into a folder, by default NAME.bundle; the artifact is not run.

    Existing files are not replaced. Raises ArtifactError, and OnebinError if the manifest or the lock already exists.
    """
    facts = card.check(card.located(file.absolute()))
    return recover_facts(facts, directory or Path(f"{facts['bundle']['name']}.bundle"))


def recover_facts(facts: Facts, directory: Path) -> Recovered:
    """Write the manifest and lock of an artifact into a folder; raises OnebinError if one of them already exists."""
    workspace = Workspace.at(absolute(directory) / MANIFEST_NAME)
    lock = workspace.lock_file(facts["bundle"]["name"])
    files = {workspace.manifest_file: facts["manifest"]["text"], lock: lock_text(facts)}
    manifest = Manifest.parse(facts["manifest"]["text"], file=workspace.manifest_file)
    for file in files:
        if is_there(file):
            raise OnebinError(f"{display(file)} already exists, and is not replaced", "choose another folder with -o")
    for file, text in files.items():
        with os_errors(OnebinError, "write", file):
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("x", encoding="utf-8", newline="") as out:
                out.write(text)
    local = tuple(local_paths(manifest, facts))
    return Recovered(manifest_file=workspace.manifest_file, lock_file=lock, local=local, facts=facts)


def lock_text(facts: Facts) -> str:
    """Return the lock on a card; raises ArtifactError if it does not match the card's digest of it."""
    text = facts["lock"]["text"]
    if hashlib.sha256(text.encode()).hexdigest() != facts["lock"]["sha256"]:
        raise ArtifactError("hash mismatch: the lock on the card does not have the digest on the card", _HINT)
    return text


def lock_data(facts: Facts) -> Mapping[str, Any]:
    """Return the data of the lock on a card; raises ArtifactError if it is not in this onebin's format."""
    data = locks.parse(lock_text(facts))
    if data is locks.INVALID:
        raise ArtifactError("the lock on the card is not in the format of this version of onebin", _HINT)
    return data


def local_paths(manifest: Manifest, facts: Facts) -> Iterator[LocalPath]:
    """Yield the local paths that the manifest and the lock of an artifact refer to."""
    lock = lock_data(facts)
    own = lock["tool"]["onebin"]
    locked = {package["name"]: path for package in lock["packages"] if (path := _path(package)) is not None}
    if manifest.host.path is not None:
        yield _project("host", manifest.host.path, own["host"], locked)
    for row in manifest.plugins:
        if row.path is not None:
            yield _project(f"plugin {row.name}", row.path, own["plugins"].get(row.name, ""), locked)
    for package, path in locked.items():  # path dependencies of local projects
        yield LocalPath(what=f"package {package}", path=path, locked_as=path)
    for place, path in manifest.freeze.data.items():
        yield LocalPath(what=f"data for {place}", path=str(path))


def _project(what: str, path: str, package: str, locked: dict[str, str]) -> LocalPath:
    return LocalPath(what=what, path=path, package=package, locked_as=locked.pop(package, None))


def _path(package: Mapping[str, Any]) -> str | None:
    source = package.get("directory") or package.get("archive") or {}
    path = source.get("path")
    return None if path is None else str(path)

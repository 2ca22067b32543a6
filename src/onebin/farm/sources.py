"""The files that a build reads beside its manifest, as one archive in the store, for machines that do not have them.

Takes the manifest's local projects, archives and data, and packs them with their places below the folder that has them
all. An archive of the same files is the same: owners and times are left out.
"""

from __future__ import annotations

import os
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

from onebin.errors import FarmError, StoreError, os_errors
from onebin.manifest import local_paths
from onebin.system import DEFAULT, VERSION_CONTROL, scratch, source_files

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onebin.farm.store import Store
    from onebin.manifest import Manifest


def pack_sources(manifest: Manifest, store: Store) -> str:
    """Store the files that a manifest names, and return the digest of the archive; raises OnebinError."""
    top = _top(manifest)
    with scratch() as folder:
        packed = folder / "sources.tar"
        with (
            os_errors(FarmError, "read the files of", manifest.file),
            tarfile.open(packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
        ):
            for file in sorted(set(_files(manifest))):
                archive.add(file, file.relative_to(top).as_posix(), recursive=False, filter=_without_owner)
        return store.add(packed)


def unpack_sources(digest: str, store: Store, folder: Path) -> None:
    """Unpack an archive of sources into a folder; nothing in it can leave that. Raises OnebinError."""
    packed = folder.with_name(f"{folder.name}.tar")
    store.fetch(digest, packed)
    try:
        with os_errors(StoreError, "unpack the sources in", folder), tarfile.open(packed) as archive:
            archive.extractall(folder, filter="data")
    except tarfile.TarError as error:
        raise StoreError(f"the sources {digest} cannot be unpacked: {error}") from error


def place_of(manifest: Manifest) -> str:
    """Return where a manifest lies in the archive of its sources, with "/"."""
    return manifest.file.absolute().relative_to(_top(manifest)).as_posix()


def _top(manifest: Manifest) -> Path:
    """Return the folder that has the manifest and everything that it names."""
    return Path(os.path.commonpath([manifest.directory, *(path.parent for path in _named(manifest))]))


def _named(manifest: Manifest) -> list[Path]:
    data = [manifest.directory / path for path in manifest.freeze.data.values()]
    return [Path(os.path.normpath(path)) for path in (*local_paths(manifest), *data)]


def _files(manifest: Manifest) -> Iterator[Path]:
    """Yield what the manifest names: of projects the sources, and version control, which may give the version."""
    projects = {Path(os.path.normpath(path)) for path in local_paths(manifest)}
    for path in _named(manifest):
        if not path.is_dir():
            yield path
        elif path in projects:
            yield from source_files(path)
            for mark in VERSION_CONTROL:
                yield from (each for each in (path / mark).rglob("*") if not each.is_dir())
        else:
            yield from (each for each in path.rglob("*") if not each.is_dir())


def _without_owner(info: tarfile.TarInfo) -> tarfile.TarInfo:
    info.uid = info.gid = 0
    info.mtime = DEFAULT  # wheels cannot have files from before 1980
    info.uname = info.gname = ""
    return info

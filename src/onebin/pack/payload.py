"""Write the files of a frozen tree: as one compressed stream, or into a folder.

The stream is tar (POSIX.1-2001, GNU long names) in zstd (RFC 8878). The same files give the same bytes: names are
sorted, all files have the same time, and owners and modes are left out, except for the executable bit.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import zstandard

from onebin.card import Payload

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedRandom

    from onebin.freeze import FrozenTree

RELEASE_LEVEL = 19
_WINDOW_LOG = 23
_RELEASE_WINDOW_LOG = 27
_JOB_BYTES = 1 << 25
_FOLDER = 0o755


def write(tree: FrozenTree, stream: BufferedRandom, *, level: int, moment: int) -> Payload:
    """Append the files of a tree to a file that is open for writing and reading; returns where they are in it.

    `moment` is the time of each file, in seconds since 1970.
    Above the fast levels, the compressor looks further back (long-range matching), and so must the decompressor.
    """
    release = level >= RELEASE_LEVEL
    window_log = _RELEASE_WINDOW_LOG if release else _WINDOW_LOG
    parameters = zstandard.ZstdCompressionParameters.from_level(
        level,
        window_log=window_log,
        enable_ldm=release,
        threads=os.cpu_count() or 1,  # the bytes are the same for any number of threads above 0
        job_size=_JOB_BYTES,
    )
    offset = stream.tell()
    with (
        zstandard.ZstdCompressor(compression_params=parameters).stream_writer(stream, closefd=False) as compressed,
        tarfile.open(fileobj=compressed, mode="w|", format=tarfile.GNU_FORMAT) as archive,
    ):
        for place, file in entries(tree):
            _add(archive, place, file, moment)
    size = stream.tell() - offset
    stream.seek(offset)
    return Payload(sha256=hashlib.file_digest(stream, "sha256").digest(), offset=offset, size=size)


def entries(tree: FrozenTree) -> Iterator[tuple[str, Path | str | None]]:
    """Yield each place with its file, the target of a link, or None for a folder: in the order of their names.

    Folders come before their contents.
    """
    found: dict[str, Path | str | None] = {**tree.files, **tree.contents.links}
    for place in (*tree.files, *tree.contents.links):
        found.update(dict.fromkeys(str(folder) for folder in PurePosixPath(place).parents[:-1]))
    for place in sorted(found, key=lambda place: [os.fsencode(part) for part in place.split("/")]):
        yield place, found[place]


def copy(tree: FrozenTree, folder: Path) -> None:
    """Write the files of a tree into an empty folder, which all users may read, whatever the umask; raises OSError."""
    folder.chmod(_FOLDER)
    for place, file in entries(tree):
        target = folder / place
        if file is None:
            target.mkdir()
            target.chmod(_FOLDER)
        elif isinstance(file, str):
            target.symlink_to(file)
        else:
            shutil.copyfile(file, target)
            target.chmod(_mode(file))


def _add(archive: tarfile.TarFile, place: str, file: Path | str | None, moment: int) -> None:
    entry = tarfile.TarInfo(place)
    entry.mtime = moment
    if isinstance(file, str):
        entry.type, entry.linkname = tarfile.SYMTYPE, file
        archive.addfile(entry)
    elif file is None:
        entry.type, entry.mode = tarfile.DIRTYPE, _FOLDER
        archive.addfile(entry)
    else:
        with file.open("rb") as stream:
            entry.size, entry.mode = os.fstat(stream.fileno()).st_size, _mode(file)
            archive.addfile(entry, stream)


def _mode(file: Path) -> int:
    return 0o755 if file.stat().st_mode & 0o100 else 0o644

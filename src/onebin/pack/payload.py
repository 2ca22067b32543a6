"""Write the files of a frozen tree: as one compressed stream, or into a folder.

The stream is tar (POSIX.1-2001, GNU long names) in zstd (RFC 8878), in several frames that can be unpacked at once:
first the folders, then the files, in the last one also the links. The same files give the same bytes: names are sorted,
all files have the same time, and owners and modes are left out, except for the executable bit.
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
    from typing import IO

    from onebin.freeze import FrozenTree

    # A place with its file, the target of a link, or None for a folder.
    _Entry = tuple[str, Path | str | None]

RELEASE_LEVEL = 19
_WINDOW_LOG = 23
_RELEASE_WINDOW_LOG = 27
_JOB_BYTES = 1 << 25
_PART_BYTES = 1 << 22
_RELEASE_PART_BYTES = 1 << 25
_FOLDER = 0o755


def write(tree: FrozenTree, stream: BufferedRandom, *, level: int, moment: int) -> Payload:
    """Append the files of a tree to a file that is open for writing and reading; returns where they are in it.

    `moment` is the time of each file, in seconds since 1970.
    Above the fast levels, the compressor looks further back (long-range matching), and so must the decompressor; the
    parts are larger, too, because it does not look beyond its own.
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
    parts = _parts(tree, _RELEASE_PART_BYTES if release else _PART_BYTES)
    for number, part in enumerate(parts, 1):
        compressor = zstandard.ZstdCompressor(compression_params=parameters)
        with compressor.stream_writer(stream, closefd=False) as frame:
            for place, file in part:
                _add(frame, place, file, moment)
            if number == len(parts):
                frame.write(bytes(2 * tarfile.BLOCKSIZE))
    size = stream.tell() - offset
    stream.seek(offset)
    return Payload(sha256=hashlib.file_digest(stream, "sha256").digest(), offset=offset, size=size)


def _parts(tree: FrozenTree, limit: int) -> list[list[_Entry]]:
    """Return the entries of a tree in parts that the launcher unpacks at once: folders, files, links.

    A part is full when it has this many bytes. If there is more than one, the first has only the folders.
    """
    found = list(entries(tree))
    files: list[list[_Entry]] = [[]]
    size = 0
    for place, file in found:
        if isinstance(file, Path):
            if size >= limit:
                files.append([])
                size = 0
            files[-1].append((place, file))
            size += file.stat().st_size
    folders: list[_Entry] = [(place, file) for place, file in found if file is None]
    files[-1] += [(place, file) for place, file in found if isinstance(file, str)]
    return [folders + files[0]] if len(files) == 1 else [folders, *files]


def entries(tree: FrozenTree) -> Iterator[_Entry]:
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


def _add(stream: IO[bytes], place: str, file: Path | str | None, moment: int) -> None:
    entry = tarfile.TarInfo(place)
    entry.mtime = moment
    if isinstance(file, str):
        entry.type, entry.linkname = tarfile.SYMTYPE, file
    elif file is None:
        entry.type, entry.mode = tarfile.DIRTYPE, _FOLDER
    else:
        entry.size, entry.mode = file.stat().st_size, _mode(file)
    stream.write(entry.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape"))
    if isinstance(file, Path):
        with file.open("rb") as content:
            shutil.copyfileobj(content, stream)
            if content.tell() != entry.size:
                raise OSError(f"{file} was changed while it was packed")
        stream.write(bytes(-entry.size % tarfile.BLOCKSIZE))


def _mode(file: Path) -> int:
    return 0o755 if file.stat().st_mode & 0o100 else 0o644

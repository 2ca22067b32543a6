"""Write the files of a frozen tree as one compressed stream: tar (POSIX.1-2001, GNU long names) in zstd (RFC 8878).

The same files give the same bytes: names are sorted, all files have the same time, and owners and modes are left out,
except for the executable bit.
"""

from __future__ import annotations

import hashlib
import os
import tarfile
from typing import TYPE_CHECKING

import zstandard

from onebin.card import Payload

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedRandom
    from pathlib import Path

RELEASE_LEVEL = 19
_WINDOW_LOG = 23
_RELEASE_WINDOW_LOG = 27
_JOB_BYTES = 1 << 25


def write(tree: Path, stream: BufferedRandom, *, level: int, moment: int, loader: str = "") -> Payload:
    """Append the files below `tree` to a file that is open for writing and reading; returns where they are in it.

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
        for path in _below(tree):
            _add(archive, path, path.relative_to(tree).as_posix(), moment)
    size = stream.tell() - offset
    stream.seek(offset)
    return Payload(sha256=hashlib.file_digest(stream, "sha256").digest(), offset=offset, size=size, loader=loader)


def _below(tree: Path) -> Iterator[Path]:
    """Yield folders before their contents, in an order that depends only on names."""
    for path in sorted(tree.iterdir(), key=lambda path: os.fsencode(path.name)):
        yield path
        if not path.is_symlink() and path.is_dir():
            yield from _below(path)


def _add(archive: tarfile.TarFile, path: Path, name: str, moment: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.mtime = moment
    if path.is_symlink():
        entry.type, entry.linkname = tarfile.SYMTYPE, str(path.readlink())
        archive.addfile(entry)
    elif path.is_dir():
        entry.type, entry.mode = tarfile.DIRTYPE, 0o755
        archive.addfile(entry)
    else:
        with path.open("rb") as stream:
            status = os.fstat(stream.fileno())
            entry.size, entry.mode = status.st_size, 0o755 if status.st_mode & 0o100 else 0o644
            archive.addfile(entry, stream)

"""Write the files of a frozen tree: as one compressed stream, or into a folder.

The stream is tar (POSIX.1-2001, GNU long names) in zstd (RFC 8878), in several frames that can be unpacked at once:
first the folders, then the files, in the last one also the links. The same files give the same bytes: names are sorted,
all files have the same time, and owners and modes are left out, except for the executable bit.

Compressed frames are kept in the cache. The interpreter has its own, so it is compressed once for all bundles.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

import zstandard

from onebin.card import Payload
from onebin.system import sha256_of, tell
from onebin.tree import INTERPRETER

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from io import BufferedRandom
    from typing import IO, Protocol

    from onebin.cache import Cache
    from onebin.freeze import FrozenTree

    class _Sink(Protocol):
        def write(self, data: bytes, /) -> object: ...

    # A place with its file, the target of a link, or None for a folder.
    _Entry = tuple[str, Path | str | None]

KIND = "frames"
_FORMAT = 1  # of the parameters that depend on the level
_DRAFT = ".partial"
_DIGEST_BYTES = 32
RELEASE_LEVEL = 19
_WINDOW_LOG = 23
_RELEASE_WINDOW_LOG = 27
_JOB_BYTES = 1 << 25
_PART_BYTES = 1 << 22
_RELEASE_PART_BYTES = 1 << 25
_FOLDER = 0o755


class Written(NamedTuple):
    """Where a payload is in its file, and whether anything of it was compressed just now."""

    where: Payload
    is_new: bool


def write(tree: FrozenTree, stream: BufferedRandom, cache: Cache, *, level: int, moment: int) -> Written:
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
    tars = [_Tar(entries=part, moment=moment, is_last=part is parts[-1]) for part in parts]
    frames = _Frames(cache=cache, level=level, parameters=parameters, meter=_Meter(sum(tar.size for tar in tars)))
    kept = [frames.append(tar, stream) for tar in tars]
    size = stream.tell() - offset
    stream.seek(offset)
    where = Payload(sha256=hashlib.file_digest(stream, "sha256").digest(), offset=offset, size=size)
    return Written(where, is_new=not all(kept))


@dataclass(frozen=True, kw_only=True)
class _Frames:
    """The frames of one level in the cache: a file for each, named by the digest of what is compressed."""

    cache: Cache
    level: int
    parameters: zstandard.ZstdCompressionParameters
    meter: _Meter

    def append(self, part: _Tar, stream: BufferedRandom) -> bool:
        """Append a part of an archive as a frame; return whether the cache had it, or else compress it."""
        content = hashlib.sha256()
        part.write(_Hash(content))
        key = sha256_of([_FORMAT, self.level, list(zstandard.ZSTD_VERSION)])
        file = self.cache.ensure(KIND, key) / content.hexdigest()
        start = stream.tell()
        with self.cache.lock(KIND, key):  # so that nobody removes the folder
            if _take(file, stream):
                self.meter.count(part.size)
                return True
            stream.seek(start)
            stream.truncate()
            compressor = zstandard.ZstdCompressor(compression_params=self.parameters)
            with compressor.stream_writer(stream, closefd=False) as frame:
                part.write(_Counted(frame, self.meter))
            stream.seek(start)
            _keep(stream, file)
        return False


def _take(file: Path, stream: IO[bytes]) -> bool:
    """Append a frame that is kept in a file; returns False if it is not there, or is damaged."""
    try:
        with file.open("rb") as kept:
            digest = kept.read(_DIGEST_BYTES)
            is_whole = hashlib.file_digest(kept, "sha256").digest() == digest
            kept.seek(_DIGEST_BYTES)
            if is_whole:
                shutil.copyfileobj(kept, stream)
    except FileNotFoundError:
        return False
    return is_whole


def _keep(stream: BufferedRandom, file: Path) -> None:
    """Keep the rest of a stream, after its digest; without room for it, the next build compresses it again."""
    start = stream.tell()
    digest = hashlib.file_digest(stream, "sha256").digest()
    stream.seek(start)
    draft = file.with_name(_DRAFT)  # one that a killed build has left is overwritten
    try:
        with draft.open("wb") as kept:
            kept.write(digest)
            shutil.copyfileobj(stream, kept)
        draft.replace(file)
    except OSError:
        with suppress(OSError):
            draft.unlink()
    stream.seek(0, os.SEEK_END)


@dataclass
class _Meter:
    """Tells how many of a number of bytes are packed."""

    total: int
    done: int = 0

    def count(self, size: int) -> None:
        self.done += size
        tell("compressing", done=min(self.done, self.total), total=self.total)


@dataclass(frozen=True)
class _Counted:
    """A sink that counts what it passes on."""

    sink: _Sink
    meter: _Meter

    def write(self, data: bytes) -> None:
        self.sink.write(data)
        self.meter.count(len(data))


@dataclass(frozen=True)
class _Hash:
    """A sink for bytes whose digest is wanted."""

    digest: hashlib._Hash

    def write(self, data: bytes) -> None:
        self.digest.update(data)


@dataclass(frozen=True, kw_only=True)
class _Tar:
    """A part of an archive, with what ends it if it is the last one."""

    entries: Sequence[_Entry]
    moment: int
    is_last: bool

    @cached_property
    def size(self) -> int:
        """The bytes of its files, without what the archive adds to them."""
        return sum(file.stat().st_size for _, file in self.entries if isinstance(file, Path))

    def write(self, sink: _Sink) -> None:
        for place, file in self.entries:
            _add(sink, place, file, self.moment)
        if self.is_last:
            sink.write(bytes(2 * tarfile.BLOCKSIZE))


def _parts(tree: FrozenTree, limit: int) -> list[list[_Entry]]:
    """Return the entries of a tree in parts that the launcher unpacks at once: folders, files, links.

    A part ends when it has this many bytes, and before and after the interpreter. If there is more than one, the first
    has only the folders.
    """
    found = list(entries(tree))
    files: list[list[_Entry]] = [[]]
    size, was_interpreter = 0, False
    for place, file in found:
        if isinstance(file, Path):
            is_interpreter = place.startswith(f"{INTERPRETER}/")
            if size >= limit or (files[-1] and is_interpreter != was_interpreter):
                files.append([])
                size = 0
            files[-1].append((place, file))
            size, was_interpreter = size + file.stat().st_size, is_interpreter
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


def _add(sink: _Sink, place: str, file: Path | str | None, moment: int) -> None:
    entry = tarfile.TarInfo(place)
    entry.mtime = moment
    if isinstance(file, str):
        entry.type, entry.linkname = tarfile.SYMTYPE, file
    elif file is None:
        entry.type, entry.mode = tarfile.DIRTYPE, _FOLDER
    else:
        entry.size, entry.mode = file.stat().st_size, _mode(file)
    sink.write(entry.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape"))
    if isinstance(file, Path):
        with file.open("rb") as content:
            shutil.copyfileobj(content, sink)
            if content.tell() != entry.size:
                raise OSError(f"{file} was changed while it was packed")
        sink.write(bytes(-entry.size % tarfile.BLOCKSIZE))


def _mode(file: Path) -> int:
    return 0o755 if file.stat().st_mode & 0o100 else 0o644

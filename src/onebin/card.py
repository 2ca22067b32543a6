r"""The card of an artifact: what it holds, written at the file's end so that nobody has to run it to know.

    executable | card (JSON, UTF-8) | trailer

The executable is the launcher with its payload, or what PyInstaller made. The trailer is what the launcher reads, too
(src/launcher/launcher.h has the same structure): digests, places and sizes, the names that the launcher needs, and
the magic `onebin\x00` with the format's number. Reading it needs the last bytes of the file only; a damaged or
foreign file is an ArtifactError and nothing else.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import struct
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from onebin.errors import ArtifactError
from onebin.facts import Facts, read_facts
from onebin.paths import display

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from typing import IO, BinaryIO

MAGIC = b"onebin\x00\x02"
# SHA-256 of payload, executable, and card with this trailer; the payload's offset and size and the card's size, in
# bytes; the file names of the bundled loader and of the program.
TRAILER = struct.Struct("<32s32s32sQQQ64s256s8s")
_LARGEST = 256 * 1024 * 1024
_CHUNK = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Payload:
    """Where the payload is in an artifact's file, in bytes; all zero if there is none.

    `loader` is the file name of the bundled dynamic loader, if it has one.
    """

    sha256: bytes = bytes(32)
    offset: int = 0
    size: int = 0
    loader: str = ""


def append(stream: IO[bytes], executable_sha256: bytes, facts: Facts, payload: Payload) -> None:
    """Write card and trailer behind an executable whose digest is given; raises OSError."""
    card = json.dumps(facts, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
    stream.write(card)
    numbers = payload.offset, payload.size, len(card)
    names = payload.loader.encode(), os.fsencode(facts["bundle"]["name"])
    fields = payload.sha256, executable_sha256, bytes(32), *numbers, *names, MAGIC
    stream.write(TRAILER.pack(*fields[:2], _digest(card, fields), *fields[3:]))


def _digest(card: bytes, fields: Sequence[Any]) -> bytes:
    """Return the digest of a card and of all that the trailer says beside it."""
    return hashlib.sha256(card + TRAILER.pack(*fields[:2], bytes(32), *fields[3:])).digest()


def read(file: Path) -> Facts:
    """Return the facts on an artifact's card; raises ArtifactError."""
    with _opened(file) as stream:
        return _read(stream, file)[0]


def check(file: Path) -> Facts:
    """Return the facts on an artifact's card after comparing every byte with its digest; raises ArtifactError."""
    with _opened(file) as stream:
        facts, expected, length = _read(stream, file)
        stream.seek(0)
        found = hashlib.sha256()
        while length > 0 and (chunk := stream.read(min(_CHUNK, length))):
            found.update(chunk)
            length -= len(chunk)
    if found.digest() != expected:
        raise _damaged(file, "its bytes do not have the digest on its card")
    return facts


@contextmanager
def _opened(file: Path) -> Iterator[BinaryIO]:
    """Open a regular file; anything else might never end."""
    try:
        if not stat.S_ISREG(file.stat().st_mode):
            kind = "a directory" if file.is_dir() else "not a regular file"
            raise ArtifactError(f"cannot read {display(file)}: it is {kind}", "name the artifact's file")
        with file.open("rb") as stream:
            yield stream
    except OSError as error:
        hint = "check its mode and owner" if isinstance(error, PermissionError) else "name the artifact's file"
        raise ArtifactError(f"cannot read {display(file)}: {error.strerror}", hint) from error


def _read(stream: BinaryIO, file: Path) -> tuple[Facts, bytes, int]:
    """Return the facts, the executable's digest and its length in bytes."""
    size = stream.seek(0, 2)
    if size < TRAILER.size:
        raise _foreign(file)
    stream.seek(size - TRAILER.size)
    fields = TRAILER.unpack(stream.read(TRAILER.size))
    _, executable_sha256, card_sha256, _, _, length, *_, magic = fields
    if magic[:7] != MAGIC[:7]:
        raise _foreign(file)
    if magic != MAGIC:
        raise ArtifactError(
            f"{display(file)} was made by another version of onebin (format {magic[7]})",
            "inspect it with that version",
        )
    start = size - TRAILER.size - length
    if start < 0 or length > _LARGEST:
        raise _damaged(file, "its card is longer than the file")
    stream.seek(start)
    card = stream.read(length)
    if _digest(card, fields) != card_sha256:
        raise _damaged(file, "its card does not have its digest")
    try:
        facts = read_facts(card)
    except ValueError as error:
        raise _damaged(file, "what is on its card is not what onebin writes there") from error
    return facts, executable_sha256, start


def _foreign(file: Path) -> ArtifactError:
    return ArtifactError(
        f"{display(file)} is not an artifact of onebin, or its end is cut off", "fetch or build it anew"
    )


def _damaged(file: Path, how: str) -> ArtifactError:
    return ArtifactError(f"{display(file)} is damaged: {how}", "do not run it; fetch or build it anew")

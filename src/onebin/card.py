r"""The card of an artifact: what it holds, written at the file's end so that nobody has to run it to know.

    executable | card (JSON, UTF-8) | footer

The footer is 80 bytes: the SHA-256 of the executable, the SHA-256 of the card, the card's length as an unsigned
64-bit little-endian number, and the magic `onebin\x00` with the format's number. Reading it needs the last bytes
of the file only; a damaged or foreign file is an ArtifactError and nothing else.
"""

from __future__ import annotations

import hashlib
import json
import stat
import struct
from contextlib import contextmanager
from typing import TYPE_CHECKING

from onebin.errors import ArtifactError
from onebin.facts import Facts, read_facts
from onebin.paths import display

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import IO, BinaryIO

MAGIC = b"onebin\x00\x01"
_FOOTER = struct.Struct("<32s32sQ8s")
_LARGEST = 256 * 1024 * 1024
_CHUNK = 1024 * 1024


def append(stream: IO[bytes], executable_sha256: str, facts: Facts) -> None:
    """Write card and footer behind an executable whose digest is given; raises OSError."""
    card = json.dumps(facts, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
    stream.write(card)
    stream.write(_FOOTER.pack(bytes.fromhex(executable_sha256), hashlib.sha256(card).digest(), len(card), MAGIC))


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
    if size < _FOOTER.size:
        raise _foreign(file)
    stream.seek(size - _FOOTER.size)
    executable_sha256, card_sha256, length, magic = _FOOTER.unpack(stream.read(_FOOTER.size))
    if magic[:7] != MAGIC[:7]:
        raise _foreign(file)
    if magic != MAGIC:
        raise ArtifactError(
            f"{display(file)} was made by another version of onebin (format {magic[7]})",
            "inspect it with that version",
        )
    start = size - _FOOTER.size - length
    if start < 0 or length > _LARGEST:
        raise _damaged(file, "its card is longer than the file")
    stream.seek(start)
    card = stream.read(length)
    if hashlib.sha256(card).digest() != card_sha256:
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

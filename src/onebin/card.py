r"""The card of an artifact: what it holds, written at the file's end so that nobody has to run it to know.

    executable | card (JSON, UTF-8) | footer

The footer is 80 bytes: the SHA-256 of the executable, the SHA-256 of the card, the card's length as an unsigned
64-bit little-endian number, and the magic `onebin\x00` with the format's number. Reading it needs the last bytes
of the file only; a damaged or foreign file is an ArtifactError and nothing else.
"""

from __future__ import annotations

import hashlib
import json
import struct
from typing import TYPE_CHECKING, Any

from onebin.errors import ArtifactError
from onebin.paths import display

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import IO, BinaryIO

MAGIC = b"onebin\x00\x01"
_FOOTER = struct.Struct("<32s32sQ8s")
_LARGEST = 256 * 1024 * 1024
_CHUNK = 1024 * 1024


def append(stream: IO[bytes], executable_sha256: str, facts: Mapping[str, Any]) -> None:
    """Write card and footer behind an executable whose digest is given; raises OSError."""
    card = json.dumps(facts, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
    stream.write(card)
    stream.write(_FOOTER.pack(bytes.fromhex(executable_sha256), hashlib.sha256(card).digest(), len(card), MAGIC))


def read(file: Path) -> dict[str, Any]:
    """Return the facts on an artifact's card; raises ArtifactError."""
    try:
        with file.open("rb") as stream:
            facts, _, _ = _read(stream, file)
    except OSError as error:
        raise ArtifactError(f"cannot read {display(file)}: {error.strerror}", "name the artifact's file") from error
    return facts


def check(file: Path) -> dict[str, Any]:
    """Return the facts on an artifact's card after comparing every byte with its digest; raises ArtifactError."""
    try:
        with file.open("rb") as stream:
            facts, expected, length = _read(stream, file)
            stream.seek(0)
            found = hashlib.sha256()
            while length > 0:
                chunk = stream.read(min(_CHUNK, length))
                if not chunk:
                    break
                found.update(chunk)
                length -= len(chunk)
    except OSError as error:
        raise ArtifactError(f"cannot read {display(file)}: {error.strerror}", "name the artifact's file") from error
    if found.digest() != expected:
        raise _damaged(file, "its bytes do not have the digest on its card")
    return facts


def _read(stream: BinaryIO, file: Path) -> tuple[dict[str, Any], bytes, int]:
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
        facts = json.loads(card)
    except (ValueError, RecursionError) as error:
        raise _damaged(file, "its card is not JSON") from error
    if not isinstance(facts, dict):
        raise _damaged(file, "its card is not a table")
    return facts, executable_sha256, start


def _foreign(file: Path) -> ArtifactError:
    return ArtifactError(
        f"{display(file)} is not an artifact of onebin, or its end is cut off", "fetch or build it anew"
    )


def _damaged(file: Path, how: str) -> ArtifactError:
    return ArtifactError(f"{display(file)} is damaged: {how}", "do not run it; fetch or build it anew")

r"""The card of an artifact: what it holds, written at the end of its file, so that it can be read without running it.

    executable | card (JSON, UTF-8; as one zstd frame) | trailer | on macOS: the signature of all that

The executable is the launcher with its payload, or what PyInstaller made. The launcher reads the trailer, too
(launcher/native/trailer.h has the same structure): it has digests, offsets and sizes, the names that the launcher
needs, and the magic `onebin\x00` with the number of the format. Reading a card needs only the last bytes of the file. A
damaged or foreign file always raises ArtifactError.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import zstandard

from onebin.card.facts import Facts, Release, read_facts
from onebin.errors import ArtifactError, PackError
from onebin.macho import MachOError, check_signature, content_hash, content_size
from onebin.system import did_you_mean, display, is_there, opened

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from typing import IO, BinaryIO

FORMAT = 4
MAGIC = b"onebin\x00" + bytes([FORMAT])
# SHA-256 of payload, executable, and card with this trailer; the identity of the tree; the payload's offset and size,
# and the card's size, in bytes; the file names of the interpreter and of the program.
TRAILER = struct.Struct("<32s32s32s32sQQQ32s256s8s")
# A card may claim to unpack to any size, and hold any number of values. That of a host with 20,000 files has 4 MB, and
# fewer than 300,000 of the characters around which values are.
_LARGEST = 12_000_000
_MOST_MARKS = 700_000
_LEVEL = 15
# Other versions of these may write other bytes: payload and card, the bill of materials, wheels of local projects.
_TOOLS = ("cyclonedx-python-lib", "uv", "zstandard")
_CHUNK = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Payload:
    """Where the payload is in an artifact's file, in bytes; all zero if there is none.

    `tree_sha256` is the identity of the tree that it holds, or that is beside the file.
    """

    sha256: bytes = bytes(32)
    tree_sha256: bytes = bytes(32)
    offset: int = 0
    size: int = 0


def tools() -> list[Release]:
    """Return the installed libraries besides onebin that write parts of an artifact."""
    from importlib.metadata import version  # noqa: PLC0415  # what only reads cards starts faster without it

    return [Release(name=name, version=version(name)) for name in _TOOLS]


def compress(facts: Facts) -> bytes:
    """Return the card with some facts as it is in a file; raises PackError if nobody could read it."""
    text = json.dumps(facts, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
    marks = _marks(text)
    if len(text) > _LARGEST or marks > _MOST_MARKS:
        size = f"{len(text):,} bytes with {marks:,} values"
        what = f"the card would have {size}, and no more than {_LARGEST:,} with {_MOST_MARKS:,} can be read"
        raise PackError(what, "put large data into an archive of its own, or leave files out")
    return zstandard.ZstdCompressor(level=_LEVEL).compress(text)


def append(
    stream: IO[bytes],
    executable_sha256: bytes,
    facts: Facts,
    payload: Payload,
    *,
    interpreter: str = "",
    compressed: bytes | None = None,
) -> None:
    """Write card and trailer after an executable with the given digest; raises OSError and PackError.

    `interpreter` is the file name of the tree's interpreter; `compressed` is what `compress` has made of the facts.
    """
    card = compress(facts) if compressed is None else compressed
    stream.write(card)
    numbers = payload.offset, payload.size, len(card)
    names = interpreter.encode(), os.fsencode(facts["bundle"]["name"])
    fields = payload.sha256, executable_sha256, bytes(32), payload.tree_sha256, *numbers, *names, MAGIC
    stream.write(TRAILER.pack(*fields[:2], _digest(card, fields), *fields[3:]))


def _digest(card: bytes, fields: Sequence[Any]) -> bytes:
    """Return the digest of a card and of everything else in the trailer."""
    return hashlib.sha256(card + TRAILER.pack(*fields[:2], bytes(32), *fields[3:])).digest()


def located(place: Path) -> Path:
    """Return the file of an artifact; for a folder, the executable in it that has a card. Raises ArtifactError."""
    with _reading(place):
        if not place.is_dir():
            return place
        found = [file for file in sorted(place.iterdir()) if file.is_file() and _has_card(file)]
    if len(found) == 1:
        return found[0]
    raise ArtifactError(
        f"the folder {display(place)} contains {'more than one' if found else 'no'} artifact",
        'name the artifact\'s file, or the folder that was built with layout = "onedir"',
    )


def _has_card(file: Path) -> bool:
    with file.open("rb") as stream:
        stream.seek(max(_end_of(stream) - len(MAGIC), 0))
        return stream.read(len(MAGIC))[:7] == MAGIC[:7]


def read(file: Path) -> Facts:
    """Return the facts on an artifact's card; raises ArtifactError."""
    with _opened(file) as stream:
        return _read(stream, file)[0]


def check(file: Path) -> Facts:
    """Return the facts on an artifact's card after comparing every byte with its digest; raises ArtifactError."""
    with _opened(file) as stream:
        facts, expected, length = _read(stream, file)
        if _executable_sha256(stream, length) != expected:
            raise _damaged(file, f"its {_damaged_part(stream)} does not match the digest on its card")
        if content_size(stream) is not None:
            try:
                check_signature(stream, facts["bundle"]["name"])
            except MachOError as error:
                raise _damaged(file, str(error)) from error
    return facts


def _executable_sha256(stream: BinaryIO, length: int) -> bytes:
    if content_size(stream) is not None:
        return content_hash(stream, length)
    return _sha256(stream, 0, length)


def _sha256(stream: BinaryIO, offset: int, size: int) -> bytes:
    stream.seek(offset)
    found = hashlib.sha256()
    while size > 0 and (chunk := stream.read(min(_CHUNK, size))):
        found.update(chunk)
        size -= len(chunk)
    return found.digest()


def _damaged_part(stream: BinaryIO) -> str:
    """Return which part of an executable whose digest is wrong does not have the right bytes."""
    payload = _payload(stream)
    if not payload.size:
        return "program"
    intact = _sha256(stream, payload.offset, payload.size) == payload.sha256
    return "launcher" if intact else "payload"


def _end_of(stream: BinaryIO) -> int:
    """Return where the trailer ends: at the end of a file, or before the signature of a program for macOS."""
    size = content_size(stream)
    return stream.seek(0, 2) if size is None else size


def payload_of(file: Path) -> Payload:
    """Return where the payload is in an artifact whose card could be read; raises ArtifactError."""
    with _opened(file) as stream:
        return _payload(stream)


def _payload(stream: BinaryIO) -> Payload:
    stream.seek(_end_of(stream) - TRAILER.size)
    payload_sha256, _, _, tree_sha256, offset, size, *_ = TRAILER.unpack(stream.read(TRAILER.size))
    return Payload(sha256=payload_sha256, tree_sha256=tree_sha256, offset=offset, size=size)


@contextmanager
def _reading(file: Path) -> Iterator[None]:
    """Turn an OSError from reading a file into an ArtifactError."""
    try:
        yield
    except OSError as error:
        hint = "check its mode and owner" if isinstance(error, PermissionError) else "name the artifact's file"
        near = _near(file) if isinstance(error, FileNotFoundError) else ""
        raise ArtifactError(f"cannot read {display(file)}: {error.strerror}", f"{hint}{near}") from error


def _near(file: Path) -> str:
    """Return a suggestion for a file that is missing: what has its name, or a similar one, there or where builds go."""
    built = file.parent / "dist"
    if is_there(built / file.name):
        return f"; did you mean {display(built / file.name)!r}?"
    with suppress(OSError):
        return did_you_mean(file.name, [each.name for each in file.parent.iterdir()])
    return ""


@contextmanager
def _opened(file: Path) -> Iterator[BinaryIO]:
    """Open a regular file; reading from anything else might never end."""
    with _reading(file), opened(file) as stream:
        yield stream


def _read(stream: BinaryIO, file: Path) -> tuple[Facts, bytes, int]:
    """Return the facts, the executable's digest and its length in bytes."""
    size = _end_of(stream)
    if size < TRAILER.size:
        raise _foreign(file)
    stream.seek(size - TRAILER.size)
    fields = TRAILER.unpack(stream.read(TRAILER.size))
    _, executable_sha256, card_sha256, _, _, _, length, *_, magic = fields
    start = size - TRAILER.size - length
    has_room = start >= 0 and length <= _LARGEST
    stream.seek(max(start, 0))
    card = stream.read(length) if has_room else b""
    # With the magic of this format, so that one whose number was damaged is not taken for another format.
    is_card = _digest(card, (*fields[:-1], MAGIC)) == card_sha256
    if magic != MAGIC:
        raise _damaged(file, "its last bytes were changed") if is_card else _of_another_format(file, magic)
    if not has_room:
        raise _damaged(file, "its card is longer than the file")
    if not is_card:
        raise _damaged(file, "its card does not match its digest")
    try:
        facts = read_facts(_unpacked(card))
    except (ValueError, zstandard.ZstdError) as error:
        raise _damaged(file, "its card does not have the content that onebin writes") from error
    return facts, executable_sha256, start


def _unpacked(card: bytes) -> bytes:
    """Return a card's text; raises ValueError or ZstdError unless it is a single frame of known, acceptable size."""
    size = zstandard.frame_content_size(card)
    if not 0 <= size <= _LARGEST:
        raise ValueError(size)
    text = zstandard.ZstdDecompressor().decompress(card, max_output_size=_LARGEST, allow_extra_data=False)
    if _marks(text) > _MOST_MARKS:
        raise ValueError(size)
    return text


def _marks(text: bytes) -> int:
    return sum(map(text.count, (b",", b"[", b"{")))


def _of_another_format(file: Path, magic: bytes) -> ArtifactError:
    if magic[:7] != MAGIC[:7]:
        return _foreign(file)
    number = magic[7]
    age = "a newer" if number > FORMAT else "an older"
    remedy = "update onebin" if number > FORMAT else "build it again"
    return ArtifactError(
        f"{display(file)} was made by {age} onebin: its card has format {number}, this one reads {FORMAT}",
        f"{remedy}, or use the onebin that made it",
    )


def _foreign(file: Path) -> ArtifactError:
    if file.suffix == ".obplugin":
        message = f"{display(file)} is a side-car, and not an artifact"
        return ArtifactError(message, "`onebin inspect`, `diff` with another one, and `verify` are for side-cars, too")
    return ArtifactError(
        f"{display(file)} is not an artifact of onebin, or its end is missing", "fetch it or build it again"
    )


def _damaged(file: Path, how: str) -> ArtifactError:
    return ArtifactError(f"{display(file)} is damaged: {how}", "do not run it; fetch it or build it again")

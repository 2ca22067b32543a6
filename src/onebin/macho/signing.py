"""Sign a program or library of macOS after bytes were added to it or changed in it.

macOS ends a process on Apple's processors whose file has no valid signature. Bytes after a signature make it invalid
for `codesign`, and newer versions of the system look more closely than older ones. So what is appended to a program is
a part of it: the last segment, `__LINKEDIT`, and in it the table of strings, grow to the end of the file, and the
signature comes last. It is an ad-hoc signature, as linkers make it, which says that the file is as it was written, and
not by whom:

    SuperBlob (one) | CodeDirectory, version 0x20400: identifier, SHA-256 of each 4 KB of what comes before

The formats are those of Apple's headers `mach-o/loader.h` and `kern/cs_blobs.h`. Files for more than one processor
("universal") are refused: each artifact is for one.
"""

from __future__ import annotations

import hashlib
import struct
from typing import TYPE_CHECKING

from onebin.macho.layout import (
    EXECUTABLE,
    HEADER,
    LC_CODE_SIGNATURE,
    SIGNATURE,
    Layout,
    MachOError,
    read_layout,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

SUPER_BLOB = struct.Struct(">3I2I")  # with one entry
DIRECTORY = struct.Struct(">9I4B4I4Q")  # CodeDirectory with the fields of version 0x20400
AD_HOC, LINKER_SIGNED = 0x2, 0x20000
DIRECTORY_MAGIC = 0xFADE0C02
BLOB_MAGIC = 0xFADE0CC0
PAGE_BITS = 12

_VERSION = 0x20400
_MAIN_BINARY = 1  # CS_EXECSEG_MAIN_BINARY
_SHA256 = 2
_ALIGNMENT = 16  # of the signature
_SEGMENT_ALIGNMENT = 1 << 14  # pages of memory of Apple's processors
_LARGEST = 1 << 32
_CHUNK = 1 << 20


def unsign(stream: BinaryIO) -> None:
    """Cut the signature off, so that bytes can be appended before `sign`; raises MachOError.

    A file that cannot have a signature gets room for one.
    """
    layout = read_layout(stream)
    if layout.signature:
        _write(stream, layout.signature + 12, bytes(4))
    else:
        _make_room(stream, layout)
    stream.truncate(layout.signature_start)
    stream.seek(0, 2)


def _make_room(stream: BinaryIO, layout: Layout) -> None:
    """Add the load command that says where a signature is."""
    end = layout.commands_end + SIGNATURE.size
    stream.seek(layout.commands_end)
    if end > layout.room_end or any(stream.read(SIGNATURE.size)):
        raise MachOError("the file has no room for a signature")
    _write(stream, layout.commands_end, SIGNATURE.pack(LC_CODE_SIGNATURE, SIGNATURE.size, layout.signature_start, 0))
    stream.seek(0)
    *before, count, size, flags, reserved = HEADER.unpack(stream.read(HEADER.size))
    _write(stream, 0, HEADER.pack(*before, count + 1, size + SIGNATURE.size, flags, reserved))


def pad(stream: BinaryIO, following: int = 0) -> None:
    """Append zeros, so that a signature can come after as many bytes as follow."""
    end = stream.seek(0, 2)
    stream.write(bytes(-(end + following) % _ALIGNMENT))


def content_sha256(stream: BinaryIO) -> bytes:
    """Return the digest of a file without its signature, which is the same before and after it is signed.

    What says where the signature is and how large, counts as zero. Of any other file, it is the digest of all bytes.
    Raises OSError.
    """
    end = stream.seek(0, 2)
    try:
        layout = read_layout(stream)
    except MachOError:
        return _hash(stream, b"", end)
    return content_hash(stream, layout.signature_start if layout.is_signed else end)


def content_hash(stream: BinaryIO, size: int) -> bytes:
    """Return the digest of the first bytes of a file for macOS, with zeros for what a signature changes."""
    layout = read_layout(stream)
    stream.seek(0)
    head = bytearray(stream.read(min(layout.commands_end, size)))
    for offset, length in _changed(layout):
        head[offset : offset + length] = bytes(length)
    return _hash(stream, bytes(head), size)


def _hash(stream: BinaryIO, head: bytes, size: int) -> bytes:
    """Return the digest of the first bytes of a file, with another head."""
    found = hashlib.sha256(head)
    stream.seek(len(head))
    left = size - len(head)
    while left > 0 and (chunk := stream.read(min(_CHUNK, left))):
        found.update(chunk)
        left -= len(chunk)
    return found.digest()


def _changed(layout: Layout) -> Iterator[tuple[int, int]]:
    """Yield offset and size of what `sign` changes: the sizes of __LINKEDIT and of its parts."""
    yield layout.linkedit + 32, 8
    yield layout.linkedit + 48, 8
    if layout.signature:
        yield layout.signature + 8, 8
    if layout.strings:
        yield layout.strings + 20, 4


def sign(stream: BinaryIO, identifier: str) -> None:
    """Make everything up to the end of a file a part of the program, and append its signature; raises MachOError.

    The file has no signature at its end any more (`unsign`), and its size is a multiple of 16 (`pad`).
    """
    layout, end = read_layout(stream), stream.seek(0, 2)
    if not layout.signature or end % _ALIGNMENT or end < layout.signature_start:
        raise MachOError("what is signed ends within the old signature, or not at a multiple of 16 bytes")
    size = _signature_size(end, identifier)
    whole = end + size
    if whole >= _LARGEST:
        raise MachOError("a program for macOS cannot have more than 4 GB")
    if end != layout.signature_start:
        _grow_strings(stream, layout, end)
    _write(stream, layout.signature + 8, struct.pack("<2I", end, size))
    linkedit_size = whole - layout.linkedit_start
    in_memory = linkedit_size + -linkedit_size % _SEGMENT_ALIGNMENT
    _write(stream, layout.linkedit + 32, struct.pack("<Q", in_memory))
    _write(stream, layout.linkedit + 48, struct.pack("<Q", linkedit_size))
    stream.seek(0)
    hashes = [hashlib.sha256(page).digest() for page in pages(stream, end, PAGE_BITS)]
    stream.seek(end)
    stream.write(signature(layout, end, identifier, hashes).ljust(size, b"\0"))


def _grow_strings(stream: BinaryIO, layout: Layout, end: int) -> None:
    """Let the table of strings, which must be the last part of __LINKEDIT, go on up to what was appended."""
    if not layout.strings or not 0 <= layout.signature_start - layout.strings_start - layout.strings_size < _ALIGNMENT:
        raise MachOError("the table of strings is not the last part of the file, so nothing can be appended")
    _write(stream, layout.strings + 20, struct.pack("<I", end - layout.strings_start))


def _write(stream: BinaryIO, offset: int, data: bytes) -> None:
    stream.seek(offset)
    stream.write(data)


def pages(stream: BinaryIO, end: int, bits: int) -> Iterator[bytes]:
    """Yield the pages of a file from where it is read; the last one ends with the content."""
    for start in range(0, end, 1 << bits):
        yield stream.read(min(1 << bits, end - start))


def _signature_size(end: int, identifier: str) -> int:
    count = -(-end >> PAGE_BITS)
    size = SUPER_BLOB.size + DIRECTORY.size + len(identifier.encode()) + 1 + count * hashlib.sha256().digest_size
    return size + -size % _ALIGNMENT


def signature(layout: Layout, end: int, identifier: str, hashes: list[bytes]) -> bytes:
    """Return the ad-hoc signature of a content that has these hashes, without what fills it up."""
    name = identifier.encode() + b"\0"
    first_hash = DIRECTORY.size + len(name)
    length = first_hash + sum(map(len, hashes))
    directory = DIRECTORY.pack(
        *(DIRECTORY_MAGIC, length, _VERSION, AD_HOC | LINKER_SIGNED, first_hash, DIRECTORY.size, 0, len(hashes), end),
        *(hashlib.sha256().digest_size, _SHA256, 0, PAGE_BITS),
        *(0, 0, 0, 0),  # spare, no scatter, no team, spare
        *(0, 0, layout.text_size, _MAIN_BINARY if layout.kind == EXECUTABLE else 0),
    )
    blob = SUPER_BLOB.pack(BLOB_MAGIC, SUPER_BLOB.size + length, 1, 0, SUPER_BLOB.size)
    return b"".join((blob, directory, name, *hashes))

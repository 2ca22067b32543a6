"""Check the signature of a program or library of macOS, as far as that can be done anywhere: each page has its hash.

Who has signed is not checked. An ad-hoc signature names nobody; for any other, `codesign --verify` knows the rest.
The format is that of Apple's header `kern/cs_blobs.h`.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from onebin.macho.layout import Layout, MachOError, read_layout
from onebin.macho.signing import AD_HOC, BLOB_MAGIC, DIRECTORY_MAGIC, PAGE_BITS, pages, signature

if TYPE_CHECKING:
    from typing import BinaryIO

_HEAD = struct.Struct(">3I")
_ENTRY = struct.Struct(">2I")
_FIELDS = struct.Struct(">9I4B")  # the fields that all versions of a CodeDirectory have
_CODE_DIRECTORIES = (0, *range(0x1000, 0x1006))  # the first one, and others of the same content
_HASHES = {1: ("sha1", 20), 2: ("sha256", 32), 3: ("sha256", 20), 4: ("sha384", 48)}
_BITS = range(12, 17)  # of the size of a page
_MOST_PARTS = 32
_MAGIC = b"\xfa\xde"  # with which each part of a signature begins


@dataclass(frozen=True, kw_only=True)
class Signature:
    """What a signature says: the identifier of the program, and whether it names nobody.

    It `is_plain` if it has nothing but hashes, as those of linkers and of `sign`.
    """

    identifier: str
    is_ad_hoc: bool
    is_plain: bool


def check_signature(stream: BinaryIO, signed_as: str | None = None) -> Signature | None:
    """Compare each page of a file with its hash in the signature; return what that says, or None if there is none.

    A plain signature must be, byte for byte, what `sign` writes for the identifier `signed_as`, if that is given.
    Raises MachOError if a page has another hash, if bytes follow the signature, or if macOS would not run the file
    without one.
    """
    layout, size = read_layout(stream), stream.seek(0, 2)
    if not layout.is_signed:
        if layout.must_be_signed:
            raise MachOError("it has no signature")
        return None
    if layout.signature_start + layout.signature_size != size:
        raise MachOError("bytes follow its signature")
    stream.seek(layout.signature_start)
    blob = stream.read(layout.signature_size)
    try:
        parts = _parts(blob)
        found = [
            _check(stream, blob[offset:], layout.signature_start, is_plain=len(parts) == 1)
            for kind, offset in parts
            if kind in _CODE_DIRECTORIES
        ]
    except (struct.error, ValueError) as error:
        raise MachOError(str(error) if isinstance(error, MachOError) else "its signature cannot be read") from error
    if not found:
        raise MachOError("its signature has no hashes")
    if signed_as is not None and found[0].is_plain and blob != _expected(stream, layout, signed_as):
        raise MachOError("its signature is not the one that it was made with")
    return found[0]


def _expected(stream: BinaryIO, layout: Layout, identifier: str) -> bytes:
    stream.seek(0)
    hashes = [hashlib.sha256(page).digest() for page in pages(stream, layout.signature_start, PAGE_BITS)]
    return signature(layout, layout.signature_start, identifier, hashes).ljust(layout.signature_size, b"\0")


def _parts(blob: bytes) -> list[tuple[int, int]]:
    """Return the kinds of the parts of a signature, and where they are in it."""
    magic, length, count = _HEAD.unpack_from(blob)
    if magic != BLOB_MAGIC or length > len(blob) or count > _MOST_PARTS:
        raise MachOError("its signature has an unknown form")
    parts = [_ENTRY.unpack_from(blob, _HEAD.size + number * _ENTRY.size) for number in range(count)]
    if any(blob[offset : offset + len(_MAGIC)] != _MAGIC for _, offset in parts):
        raise MachOError("its signature has an unknown form")
    return [(kind, offset) for kind, offset in parts]


def _check(stream: BinaryIO, directory: bytes, content: int, *, is_plain: bool) -> Signature:
    fields = _FIELDS.unpack_from(directory)
    magic, length, _, flags, first, name, _, count, limit, hash_size, kind, _, bits = fields
    algorithm, expected_size = _HASHES.get(kind, ("", 0))
    if magic != DIRECTORY_MAGIC or length > len(directory) or hash_size != expected_size or bits not in _BITS:
        raise MachOError("its signature has an unknown form")
    if limit != content or count != -(-limit >> bits) or first + count * hash_size > length:
        raise MachOError("its signature does not cover all of it")
    stream.seek(0)
    for number, page in enumerate(pages(stream, content, bits)):
        at = first + number * hash_size
        if hashlib.new(algorithm, page, usedforsecurity=False).digest()[:hash_size] != directory[at : at + hash_size]:
            raise MachOError(f"page {number} of it, {len(page)} bytes, does not have the hash in its signature")
    identifier = directory[name : directory.index(b"\0", name)].decode("utf-8", "replace")
    return Signature(identifier=identifier, is_ad_hoc=bool(flags & AD_HOC), is_plain=is_plain)

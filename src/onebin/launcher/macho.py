"""Programs for macOS: compile the starter, and sign a file after bytes were added to it or changed in it.

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
from dataclasses import dataclass
from typing import TYPE_CHECKING

from onebin.launcher import compiler

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

    from onebin.platforms import Platform
    from onebin.python import Interpreter

FAILURE = "the starter does not compile"

_HEADER = struct.Struct("<8I")  # mach_header_64
_COMMAND = struct.Struct("<2I")
_SEGMENT = struct.Struct("<2I16s4Q4I")  # segment_command_64
_STRINGS = struct.Struct("<2I4I")  # symtab_command: symbols, their number, strings, their size
_DATA = struct.Struct("<4I")  # linkedit_data_command: where a part of __LINKEDIT is, and its size
_MAGIC = 0xFEEDFACF
_EXECUTABLE = 2  # MH_EXECUTE
_LC_SYMTAB, _LC_SEGMENT_64, _LC_CODE_SIGNATURE = 0x2, 0x19, 0x1D

_SUPER_BLOB = struct.Struct(">3I2I")  # with one entry
_DIRECTORY = struct.Struct(">9I4B4I4Q")  # CodeDirectory with the fields of version 0x20400
_VERSION = 0x20400
_AD_HOC, _LINKER_SIGNED = 0x2, 0x20000
_MAIN_BINARY = 1  # CS_EXECSEG_MAIN_BINARY
_PAGE_BITS = 12
_SHA256 = 2
_ALIGNMENT = 16  # of the signature
_SEGMENT_ALIGNMENT = 1 << 14  # pages of memory of Apple's processors

_C_FLAGS = (
    *("-O2", "-std=c11", "-D_DARWIN_C_SOURCE", "-Wall", "-Wextra", "-Werror", "-fPIE", "-fvisibility=hidden"),
    "-Wno-macro-redefined",  # Python's headers for Linux define what macOS's headers ask
)
# The library is found from both places of the starter: python/bin, and bin, which has links to it.
_LINK_FLAGS = (
    *("-s", "-Wl,-undefined,dynamic_lookup", "-Wl,-headerpad_max_install_names"),
    *("-Wl,-rpath,@executable_path/../lib", "-Wl,-rpath,@executable_path/../python/lib"),
)


class MachOError(ValueError):
    """A file is not a program or library for macOS that can be signed here; the message says why."""


def build(headers: Interpreter, _: Platform, triple: str, tools: compiler.Compiler, output: Path) -> None:
    """Compile the starter for macOS, with the headers of an interpreter for any system like Unix."""
    target, own = ("-target", triple), compiler.source_dir() / "starter" / "posix"
    flags = (*target, *_C_FLAGS, f"-I{own}", "-isystem", headers.include)
    sources = compiler.starter_sources("posix")
    objects = [tools.compile(source, *flags, prefix=output.name, failure=FAILURE) for source in sources]
    name = f"libpython{headers.minor}{headers.abiflags}.dylib"
    stand_in, library = tools.scratch / f"{output.name}.c", tools.scratch / name
    stand_in.write_text("void Py_RunMain(void) {}\n", "utf-8")
    tools.run("cc", *target, "-shared", f"-Wl,-install_name,@rpath/{name}", stand_in, "-o", library, failure=FAILURE)
    tools.run("cc", *target, *objects, library, *_LINK_FLAGS, "-o", output, failure=FAILURE)


@dataclass(frozen=True, kw_only=True)
class _Layout:
    """Where a file has what a signature changes: offsets of load commands, and what they say."""

    kind: int
    linkedit: int
    linkedit_start: int
    text_size: int
    strings: int
    strings_start: int
    signature: int
    signature_start: int


def content_size(stream: BinaryIO) -> int | None:
    """Return the size of what comes before the signature in a file for macOS; None for any other file."""
    try:
        return _layout(stream).signature_start
    except MachOError:
        return None


def unsign(stream: BinaryIO) -> None:
    """Cut the signature off, so that bytes can be appended before `sign`; raises MachOError."""
    stream.truncate(_layout(stream).signature_start)
    stream.seek(0, 2)


def padding(size: int) -> int:
    """Return how many bytes have to follow a content of some size, so that a signature can follow."""
    return -size % _ALIGNMENT


def sign(stream: BinaryIO, identifier: str) -> None:
    """Make everything up to the end of a file a part of the program, and append its signature; raises MachOError.

    The file has no signature at its end any more (`unsign`), and its size is a multiple of 16.
    """
    layout, end = _layout(stream), stream.seek(0, 2)
    if end % _ALIGNMENT or end < layout.signature_start:
        raise MachOError("what is signed ends within the old signature, or not at a multiple of 16 bytes")
    size = _signature_size(end, identifier)
    whole = end + size
    _write(stream, layout.strings + 20, struct.pack("<I", end - layout.strings_start))
    _write(stream, layout.signature + 8, struct.pack("<2I", end, size))
    linkedit_size = whole - layout.linkedit_start
    in_memory = linkedit_size + -linkedit_size % _SEGMENT_ALIGNMENT
    _write(stream, layout.linkedit + 32, struct.pack("<Q", in_memory))
    _write(stream, layout.linkedit + 48, struct.pack("<Q", linkedit_size))
    stream.seek(0)
    hashes = [hashlib.sha256(page).digest() for page in _pages(stream, end)]
    stream.seek(end)
    stream.write(_signature(layout, end, identifier, hashes).ljust(size, b"\0"))


def _write(stream: BinaryIO, offset: int, data: bytes) -> None:
    stream.seek(offset)
    stream.write(data)


def _pages(stream: BinaryIO, end: int) -> Iterator[bytes]:
    """Yield the pages of a file; the last one ends with the content."""
    for start in range(0, end, 1 << _PAGE_BITS):
        yield stream.read(min(1 << _PAGE_BITS, end - start))


def _signature_size(end: int, identifier: str) -> int:
    pages = -(-end >> _PAGE_BITS)
    size = _SUPER_BLOB.size + _DIRECTORY.size + len(identifier.encode()) + 1 + pages * hashlib.sha256().digest_size
    return size + -size % _ALIGNMENT


def _signature(layout: _Layout, end: int, identifier: str, hashes: list[bytes]) -> bytes:
    name = identifier.encode() + b"\0"
    first_hash = _DIRECTORY.size + len(name)
    length = first_hash + sum(map(len, hashes))
    directory = _DIRECTORY.pack(
        *(0xFADE0C02, length, _VERSION, _AD_HOC | _LINKER_SIGNED, first_hash, _DIRECTORY.size, 0, len(hashes), end),
        *(hashlib.sha256().digest_size, _SHA256, 0, _PAGE_BITS),
        *(0, 0, 0, 0),  # spare, no scatter, no team, spare
        *(0, 0, layout.text_size, _MAIN_BINARY if layout.kind == _EXECUTABLE else 0),
    )
    blob = _SUPER_BLOB.pack(0xFADE0CC0, _SUPER_BLOB.size + length, 1, 0, _SUPER_BLOB.size)
    return b"".join((blob, directory, name, *hashes))


def _layout(stream: BinaryIO) -> _Layout:
    stream.seek(0)
    header = stream.read(_HEADER.size)
    if len(header) < _HEADER.size or _HEADER.unpack(header)[0] != _MAGIC:
        raise MachOError("not a program or library for one processor of macOS")
    _, _, _, kind, count, size, _, _ = _HEADER.unpack(header)
    commands = stream.read(size)
    if len(commands) < size:
        raise MachOError("the file is truncated")
    found: dict[str, tuple[int, tuple[int, ...]]] = {}
    text_size, offset = 0, 0
    for _ in range(count):
        command, length = _COMMAND.unpack_from(commands, offset)
        if command == _LC_SEGMENT_64:
            fields = _SEGMENT.unpack_from(commands, offset)
            name = fields[2].rstrip(b"\0")
            text_size = fields[6] if name == b"__TEXT" else text_size
            if name == b"__LINKEDIT":
                found["linkedit"] = offset, fields[3:7]
        elif command == _LC_SYMTAB:
            found["strings"] = offset, _STRINGS.unpack_from(commands, offset)
        elif command == _LC_CODE_SIGNATURE:
            found["signature"] = offset, _DATA.unpack_from(commands, offset)
        offset += length
    if len(found) != 3:
        raise MachOError("the file has no table of strings, no __LINKEDIT, or no room for a signature")
    strings, signature = found["strings"][1], found["signature"][1]
    return _Layout(
        kind=kind,
        linkedit=_HEADER.size + found["linkedit"][0],
        linkedit_start=found["linkedit"][1][2],
        text_size=text_size,
        strings=_HEADER.size + found["strings"][0],
        strings_start=strings[4],
        signature=_HEADER.size + found["signature"][0],
        signature_start=signature[2],
    )

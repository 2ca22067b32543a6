"""Where a program or library of macOS has what a signature and the loader look at.

The formats are those of Apple's headers `mach-o/loader.h` and `mach-o/fat.h`.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

HEADER = struct.Struct("<8I")  # mach_header_64
EXECUTABLE = 2  # MH_EXECUTE
LC_SYMTAB, LC_SEGMENT_64, LC_CODE_SIGNATURE = 0x2, 0x19, 0x1D
SIGNATURE = struct.Struct("<4I")  # linkedit_data_command: where a part of __LINKEDIT is, and its size

_COMMAND = struct.Struct("<2I")
_SEGMENT = struct.Struct("<2I16s4Q4I")  # segment_command_64
_SECTION = struct.Struct("<16s16s2Q8I")  # section_64
_STRINGS = struct.Struct("<2I4I")  # symtab_command: symbols, their number, strings, their size
_MAGIC = b"\xcf\xfa\xed\xfe"
_UNIVERSAL = {b"\xca\xfe\xba\xbe": struct.Struct(">5I"), b"\xca\xfe\xba\xbf": struct.Struct(">2I2Q2I")}
_LARGEST_COMMANDS = 1 << 20
_MOST_PARTS = 16  # of a universal file; a Java class begins with the same bytes, and a higher number
_PROCESSORS = {"x86_64": 0x01000007, "aarch64": 0x0100000C}  # CPU_TYPE_X86_64, CPU_TYPE_ARM64


class MachOError(ValueError):
    """A file is not a program or library for macOS that can be read, changed or signed here; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Offsets of load commands in the file, and what they say.

    `commands_end` and `room_end` are where the load commands end, and where the first section begins. `signature` is 0
    if nothing says where a signature is; `signature_start` is then the end of the file.
    """

    kind: int
    processor: int
    commands_end: int
    room_end: int
    linkedit: int
    linkedit_start: int
    text_size: int
    strings: int
    strings_start: int
    strings_size: int
    signature: int
    signature_start: int
    signature_size: int

    @property
    def is_signed(self) -> bool:
        """Whether the file says where its signature is, and has one."""
        return self.signature_size > 0

    @property
    def must_be_signed(self) -> bool:
        """Whether macOS runs the file only with a signature: on Apple's processors."""
        return self.processor == _PROCESSORS["aarch64"]


def is_macho(beginning: bytes) -> bool:
    """Return whether a file begins like a program or library for one processor."""
    return beginning.startswith(_MAGIC)


def may_be_macho(beginning: bytes) -> bool:
    """Return whether a file begins like a program or library for one processor or for several."""
    return is_macho(beginning) or beginning[:4] in _UNIVERSAL


def content_size(stream: BinaryIO) -> int | None:
    """Return the size of what comes before the signature in a file for one processor; None for any other file."""
    try:
        return read_layout(stream).signature_start
    except MachOError:
        return None


def part_for(content: bytes, machine: str) -> bytes | None:
    """Return a program or library for a processor, "x86_64" or "aarch64": a file, or its part of a universal file.

    None if the file has none, as any other file.
    """
    processor = _PROCESSORS[machine]
    entry = _UNIVERSAL.get(content[:4])
    if entry is None:
        is_for = is_macho(content) and content[4:8] == processor.to_bytes(4, "little")
        return content if is_for else None
    try:
        (count,) = struct.unpack_from(">I", content, 4)
        for number in range(count if count <= _MOST_PARTS else 0):
            found, _, offset, size, *_ = entry.unpack_from(content, 8 + number * entry.size)
            if found == processor:
                return part_for(content[offset : offset + size], machine)
    except struct.error:
        return None
    return None


def commands_of(stream: BinaryIO) -> Iterator[tuple[int, int, bytes]]:
    """Yield the kind, the offset in the file and the bytes of each load command; raises MachOError."""
    stream.seek(0)
    header = stream.read(HEADER.size)
    if len(header) < HEADER.size or not is_macho(header):
        raise MachOError("not a program or library for one processor of macOS")
    _, _, _, _, count, size, _, _ = HEADER.unpack(header)
    if size > _LARGEST_COMMANDS:
        raise MachOError("the load commands are too large")
    commands, offset = stream.read(size), 0
    for _ in range(count):
        if offset + _COMMAND.size > len(commands):
            raise MachOError("the file is truncated")
        kind, length = _COMMAND.unpack_from(commands, offset)
        if length < _COMMAND.size or offset + length > len(commands):
            raise MachOError("a load command has a wrong size")
        yield kind, HEADER.size + offset, commands[offset : offset + length]
        offset += length


def read_layout(stream: BinaryIO) -> Layout:
    """Return the layout of a file for one processor; raises MachOError."""
    try:
        return _read(stream)
    except struct.error as error:
        raise MachOError("a load command is too short") from error


def _read(stream: BinaryIO) -> Layout:
    size = stream.seek(0, 2)
    found = Layout(
        **dict.fromkeys(("kind", "processor", "linkedit", "linkedit_start", "text_size", "strings"), 0),
        **dict.fromkeys(("strings_start", "strings_size", "signature", "signature_size"), 0),
        commands_end=HEADER.size,
        room_end=size,
        signature_start=size,
    )
    for kind, offset, command in commands_of(stream):
        found = replace(found, commands_end=offset + len(command))
        if kind == LC_SEGMENT_64:
            found = _with_segment(found, offset, command)
        elif kind == LC_SYMTAB:
            _, _, _, _, start, length = _STRINGS.unpack_from(command)
            found = replace(found, strings=offset, strings_start=start, strings_size=length)
        elif kind == LC_CODE_SIGNATURE:
            _, _, start, length = SIGNATURE.unpack_from(command)
            if start + length > size:
                raise MachOError("the file is truncated")
            found = replace(found, signature=offset, signature_start=start, signature_size=length)
    if not found.linkedit:
        raise MachOError("the file has no __LINKEDIT")
    stream.seek(0)
    _, processor, _, kind, *_ = HEADER.unpack(stream.read(HEADER.size))
    return replace(found, kind=kind, processor=processor)


def _with_segment(layout: Layout, offset: int, command: bytes) -> Layout:
    _, _, name, _, _, start, size, _, _, sections, _ = _SEGMENT.unpack_from(command)
    if name.rstrip(b"\0") == b"__LINKEDIT":
        return replace(layout, linkedit=offset, linkedit_start=start)
    if name.rstrip(b"\0") == b"__TEXT":
        layout = replace(layout, text_size=size)
    for number in range(sections):
        _, _, _, length, place, *_ = _SECTION.unpack_from(command, _SEGMENT.size + number * _SECTION.size)
        if place and length:
            layout = replace(layout, room_end=min(layout.room_end, place))
    return layout

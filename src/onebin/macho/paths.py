"""Read and change which libraries a program or library of macOS names, and where it looks for them.

What `install_name_tool` does, in the load commands at the beginning of the file; its signature is no longer right then.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from onebin.macho.layout import HEADER, MachOError, commands_of, read_layout

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from typing import BinaryIO

_REQUIRED = 0x80000000  # LC_REQ_DYLD
_LOADS = (0xC, 0x18 | _REQUIRED, 0x1F | _REQUIRED, 0x20, 0x23 | _REQUIRED)  # also weak, reexport, lazy and upward
_RPATH = 0x1C | _REQUIRED
_TEXT = struct.Struct("<3I")  # the command, and where its text begins in it
_ALIGNMENT = 8
_SYSTEM = ("/usr/lib/", "/System/")


@dataclass(frozen=True, kw_only=True)
class Names:
    """The libraries that a file loads, and the folders (LC_RPATH) that take the place of "@rpath" in such names."""

    libraries: tuple[str, ...]
    folders: tuple[str, ...]


def is_of_system(library: str) -> bool:
    """Return whether a library, by its name in a file, is one of macOS itself."""
    return library.startswith(_SYSTEM)


def names_of(stream: BinaryIO) -> Names:
    """Return the names in a file for one processor; raises MachOError."""
    found = [(kind, _text_of(command)) for kind, _, command in commands_of(stream) if kind in {*_LOADS, _RPATH}]
    return Names(
        libraries=tuple(text for kind, text in found if kind != _RPATH),
        folders=tuple(text for kind, text in found if kind == _RPATH),
    )


def change_names(stream: BinaryIO, libraries: Mapping[str, str], without: Collection[str] = ()) -> None:
    """Give libraries other names, and remove folders in which they are looked for; raises MachOError."""
    layout = read_layout(stream)
    kept = []
    for kind, _, command in commands_of(stream):
        text = _text_of(command) if kind in {*_LOADS, _RPATH} else ""
        if kind == _RPATH and text in without:
            continue
        kept.append(_with_text(command, libraries[text]) if kind in _LOADS and text in libraries else command)
    size = sum(map(len, kept))
    if HEADER.size + size > layout.room_end:
        raise MachOError("the file has no room for longer names")
    stream.seek(0)
    *before, _, _, flags, reserved = HEADER.unpack(stream.read(HEADER.size))
    stream.seek(0)
    stream.write(HEADER.pack(*before, len(kept), size, flags, reserved) + b"".join(kept))
    stream.write(bytes(max(0, layout.commands_end - stream.tell())))


def _text_of(command: bytes) -> str:
    _, length, start = _TEXT.unpack_from(command)
    return command[start:length].partition(b"\0")[0].decode("utf-8", "surrogateescape")


def _with_text(command: bytes, text: str) -> bytes:
    kind, _, start = _TEXT.unpack_from(command)
    content = command[_TEXT.size : start] + text.encode("utf-8", "surrogateescape") + b"\0"
    content += bytes(-(_TEXT.size + len(content)) % _ALIGNMENT)
    return _TEXT.pack(kind, _TEXT.size + len(content), start) + content

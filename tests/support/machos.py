"""Small programs and libraries for macOS, written byte by byte; LIEF and macholib read them as they read a linker's."""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING

from onebin import macho

if TYPE_CHECKING:
    from collections.abc import Sequence

_PROCESSORS = {"x86_64": (0x01000007, 3), "aarch64": (0x0100000C, 0)}
_EXECUTABLE, _DYLIB = 2, 6
_PAGE = 0x4000
_REQUIRED = 0x80000000


def make_macho(
    machine: str = "aarch64",
    *,
    is_library: bool = False,
    libraries: Sequence[str] = ("/usr/lib/libSystem.B.dylib",),
    folders: Sequence[str] = (),
    has_room: bool = True,
    signed_as: str | None = "made",
    oldest: tuple[int, int, int] = (11, 0, 0),
) -> bytes:
    """Return a program or a library that needs some libraries, with folders to look for them (LC_RPATH).

    It is signed under a name, or not at all. With `has_room`, there is space for other load commands. It says in
    the style of that time's linkers that it is for the `oldest` macOS and newer ones.
    """
    strings = b" \0_main\0".ljust(16, b"\0")
    commands = [
        _segment("__TEXT", 0, _PAGE, sections=1),
        _segment("__LINKEDIT", _PAGE, len(strings)),
        struct.pack("<2I4I", 0x2, 24, _PAGE, 0, _PAGE, len(strings)),  # LC_SYMTAB
        struct.pack("<20I", 0xB, 80, *([0] * 18)),  # LC_DYSYMTAB
        _version(oldest),
        *(_load(name) for name in libraries),
        *(_text(0x1C | _REQUIRED, struct.Struct("<3I").pack(0, 0, 12), folder) for folder in folders),
    ]
    if is_library:
        commands.append(_load("@rpath/made.dylib", kind=0xD))
    else:
        commands.append(struct.pack("<2I2Q", 0x28 | _REQUIRED, 24, _PAGE - 16, 0))  # LC_MAIN
    if signed_as is not None:
        commands.append(struct.pack("<4I", 0x1D, 16, _PAGE + len(strings), 0))
    size = sum(map(len, commands))
    kind = _DYLIB if is_library else _EXECUTABLE
    head = struct.pack("<8I", 0xFEEDFACF, *_PROCESSORS[machine], kind, len(commands), size, 0x200085, 0)
    head += b"".join(commands)
    if not has_room:
        head = head.replace(_section(_PAGE - 16), _section(len(head)))
    stream = io.BytesIO(head.ljust(_PAGE, b"\0") + strings)
    if signed_as is not None:
        macho.unsign(stream)
        macho.sign(stream, signed_as)
    return stream.getvalue()


def make_universal(*parts: tuple[str, bytes]) -> bytes:
    """Return a file with parts for several processors (mach-o/fat.h)."""
    entries, content = b"", b""
    for machine, part in parts:
        offset = _PAGE + len(content)
        entries += struct.pack(">5I", *_PROCESSORS[machine], offset, len(part), 14)
        content += part.ljust(len(part) + -len(part) % _PAGE, b"\0")
    return (struct.pack(">2I", 0xCAFEBABE, len(parts)) + entries).ljust(_PAGE, b"\0") + content


def _segment(name: str, offset: int, size: int, *, sections: int = 0) -> bytes:
    whole = 72 + 80 * sections
    rights = 5 if name == "__TEXT" else 1
    place = (1 << 32) + offset, -(-size // _PAGE) * _PAGE
    head = struct.pack("<2I16s4Q4I", 0x19, whole, name.encode(), *place, offset, size, rights, rights, sections, 0)
    return head + _section(_PAGE - 16) * sections


def _version(oldest: tuple[int, int, int]) -> bytes:
    major, minor, patch = oldest
    packed = major << 16 | minor << 8 | patch
    if oldest < (10, 14, 0):
        return struct.pack("<4I", 0x24, 16, packed, packed)  # LC_VERSION_MIN_MACOSX
    return struct.pack("<2I4I", 0x32, 24, 1, packed, packed, 0)  # LC_BUILD_VERSION: macOS


def _section(offset: int) -> bytes:
    return struct.pack("<16s16s2Q8I", b"__text", b"__TEXT", (1 << 32) + offset, 16, offset, *([0] * 7))


def _load(name: str, kind: int = 0xC) -> bytes:
    return _text(kind, struct.pack("<6I", 0, 0, 24, 2, 0x10000, 0x10000), name)


def _text(kind: int, head: bytes, text: str) -> bytes:
    """Return a load command that ends with a text, with its kind and size in the place of two zeros."""
    whole = head + text.encode() + b"\0"
    whole += bytes(-len(whole) % 8)
    return struct.pack("<2I", kind, len(whole)) + whole[8:]

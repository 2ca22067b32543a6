"""For which macOS a program or library was built: the oldest one that its linker was told (`mach-o/loader.h`)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from onebin.macho.layout import commands_of

if TYPE_CHECKING:
    from typing import BinaryIO

_LC_VERSION_MIN_MACOSX, _LC_BUILD_VERSION = 0x24, 0x32
_MACOS = 1  # PLATFORM_MACOS
_OLDER = struct.Struct("<3I")  # version_min_command: kind, size, version
_NEWER = struct.Struct("<4I")  # build_version_command: kind, size, platform, oldest version


def oldest_system(stream: BinaryIO) -> tuple[int, ...] | None:
    """Return the oldest macOS for a file for one processor, such as (10, 15), or None if it does not say.

    Raises MachOError.
    """
    found = [version for kind, _, command in commands_of(stream) if (version := _version(kind, command)) is not None]
    return max(found, default=None)


def _version(kind: int, command: bytes) -> tuple[int, ...] | None:
    if kind == _LC_VERSION_MIN_MACOSX and len(command) >= _OLDER.size:
        packed = _OLDER.unpack_from(command)[2]
    elif kind == _LC_BUILD_VERSION and len(command) >= _NEWER.size and _NEWER.unpack_from(command)[2] == _MACOS:
        packed = _NEWER.unpack_from(command)[3]
    else:
        return None
    major, minor, patch = packed >> 16, packed >> 8 & 0xFF, packed & 0xFF
    return (major, minor, patch) if patch else (major, minor)

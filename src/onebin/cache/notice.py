"""What is left in the place of an unpacked artifact that was removed from the cache.

Environments, git hooks and services can still use its path. Each of its programs becomes a script that prints one line,
which says what to do. Python's library becomes one that cannot be loaded: for a copy of the interpreter, such as
`python -m venv --copies` makes, the dynamic loader prints the same line. The launcher writes the same files
(launcher/native/posix/sweep.c).
"""

from __future__ import annotations

import os
import shlex
import shutil
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_SCRIPT = "onebin-removed"
# Numbers of the ELF format: types and flags of segments, and tags of the dynamic section.
_LOAD, _DYNAMIC, _READ_WRITE = 1, 2, 6
_END, _NEEDED, _STRINGS, _SYMBOLS, _STRINGS_SIZE = 0, 1, 5, 6, 10
_SEGMENT, _ENTRY = struct.Struct("<IIQQQQQQ"), struct.Struct("<QQ")
_HEADER_SIZE, _PAGE = 64, 1 << 16


def is_notice(directory: Path) -> bool:
    """Return whether a directory is what a removed artifact has left."""
    return (directory / _SCRIPT).exists()


def leave(removed: Path, path: Path, name: str) -> None:
    """Leave a notice at the path of a program's tree, which was moved to `removed`; if that fails, leave nothing."""
    if not (removed / "bin").is_dir():
        return
    line = os.fsencode(_line(path, name))
    notice = removed.with_name(f"{removed.name}.notice")
    try:
        for folder in ("", "bin", "python", "python/bin", "python/lib"):
            (notice / folder).mkdir(mode=0o700)
        _write(notice / _SCRIPT, b"#!/bin/sh\nprintf '%s\\n' " + _quoted(line) + b" >&2\nexit 127\n")
        for folder, up in (("bin", ".."), ("python/bin", "../..")):
            for program in (removed / folder).glob("*"):
                (notice / folder / program.name).symlink_to(f"{up}/{_SCRIPT}")
        for library in (removed / "python" / "lib").glob("libpython*"):
            _write(notice / "python" / "lib" / library.name, _library(library, line))
        notice.rename(path)
    except OSError:
        shutil.rmtree(notice, ignore_errors=True)


def _line(path: Path, name: str) -> str:
    text = (
        f"onebin: {path} was removed because it was not in use: start the same version of {name} to unpack it again,"
        " or recreate what uses this path (an environment, a git hook, a service)"
    )
    return text.replace("\n", "?")


def _quoted(line: bytes) -> bytes:
    return os.fsencode(shlex.quote(os.fsdecode(line)))


def _write(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    file.chmod(0o700)


def _library(original: Path, line: bytes) -> bytes:
    """Return an ELF library, for the same processor as another, that needs a library whose name is the line."""
    with original.open("rb") as stream:
        header = stream.read(_HEADER_SIZE)
    names = b"\0" + line + b"\0"
    table = _HEADER_SIZE + 2 * _SEGMENT.size
    first = table + 5 * _ENTRY.size
    size = first + len(names)
    segments = [
        (_LOAD, _READ_WRITE, 0, 0, 0, size, size, _PAGE),
        (_DYNAMIC, _READ_WRITE, table, table, table, first - table, first - table, 8),
    ]
    entries = [(_NEEDED, 1), (_STRINGS, first), (_STRINGS_SIZE, len(names)), (_SYMBOLS, first), (_END, 0)]
    parts = [
        header[:24],
        struct.pack("<QQQ", 0, _HEADER_SIZE, 0),  # the entry; where the segments begin; no sections
        header[48:56],
        struct.pack("<Q", len(segments)),
        *(_SEGMENT.pack(*segment) for segment in segments),
        *(_ENTRY.pack(*entry) for entry in entries),
        names,
    ]
    return b"".join(parts)

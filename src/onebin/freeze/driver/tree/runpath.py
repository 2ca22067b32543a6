"""Remove from an ELF file the folders where its builder kept libraries (System V ABI, 5: DT_RUNPATH, DT_RPATH).

An artifact has its libraries in one folder, which it is started with. Any other folder that a file names is a folder
of the machine that built it; on another machine, anyone may own a folder of that name. Standard library only.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import IO

_DYNAMIC_SEGMENT = 2
_RPATH, _RUNPATH = 15, 29


def forget(file: str) -> None:
    """Remove the RPATH and RUNPATH entries of an ELF file, in place; any other file is left as it is."""
    with Path(file).open("r+b") as stream:
        for offset, size, entry in _dynamic_sections(stream):
            stream.seek(offset)
            entries = list(entry.iter_unpack(stream.read(size)))
            kept = [each for each in entries if each[0] not in (_RPATH, _RUNPATH)]
            ends = [(0, 0)] * (len(entries) - len(kept))
            if ends:
                stream.seek(offset)
                stream.write(b"".join(entry.pack(*each) for each in [*kept, *ends]))


def _dynamic_sections(stream: IO[bytes]) -> list[tuple[int, int, struct.Struct]]:
    """Return the offset and size of each dynamic section, and the structure of its entries."""
    identity = stream.read(16)
    if identity[:4] != b"\x7fELF":
        return []
    is_wide, order = identity[4] == 2, "<" if identity[5] == 1 else ">"  # ELFCLASS64, ELFDATA2LSB
    table, sizes = ("Q", 54) if is_wide else ("I", 42)
    stream.seek(32 if is_wide else 28)
    (start,) = struct.unpack(f"{order}{table}", stream.read(struct.calcsize(table)))
    stream.seek(sizes)
    length, count = struct.unpack(f"{order}HH", stream.read(4))
    header = struct.Struct(f"{order}IIQQQQ" if is_wide else f"{order}IIIII")
    found = []
    for number in range(count):
        stream.seek(start + number * length)
        kind, *fields = header.unpack(stream.read(header.size))
        if kind == _DYNAMIC_SEGMENT:
            offset, size = (fields[1], fields[4]) if is_wide else (fields[0], fields[3])
            found.append((offset, size, struct.Struct(f"{order}qQ" if is_wide else f"{order}iI")))
    return found

"""Find out which macOS the files of a bundle need."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from onebin.macho import MachOError, may_be_macho, oldest_system, part_for

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from onebin.card import MacosFacts


def macos_facts(files: Mapping[str, Path], machine: str) -> MacosFacts | None:
    """Return the facts for a card: the oldest macOS that is new enough, and the places of files that need that one.

    `files` are those of a tree by place, with the program; of a universal file, only the part for the processor counts.
    None if no file says which macOS it is for. Raises OSError.
    """
    found = {place: version for place, file in sorted(files.items()) if (version := _version_of(file, machine))}
    if not found:
        return None
    oldest = max(found.values())
    because = [place for place, version in found.items() if version == oldest]
    return {"oldest": ".".join(map(str, oldest)), "because": because}


def _version_of(file: Path, machine: str) -> tuple[int, ...] | None:
    with file.open("rb") as stream:
        beginning = stream.read(4)
        part = part_for(beginning + stream.read(), machine) if may_be_macho(beginning) else None
    try:
        return None if part is None else oldest_system(io.BytesIO(part))
    except MachOError:
        return None  # data that only begins like a library; what is loaded was checked before

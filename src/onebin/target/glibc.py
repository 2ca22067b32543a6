"""Find out which glibc the files of a bundle need.

Takes the files of a frozen tree and returns what each of them needs, and the facts for the card. A bundle with its own
C library needs none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from onebin.card import BOOTLOADER, C_LIBRARY
from onebin.target import elf

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from onebin.card import GlibcNeed, LibcFacts


def needs(files: Mapping[str, Path], owners: Mapping[str, Sequence[str]]) -> list[GlibcNeed]:
    """Return what each file of a frozen tree needs, given each place's file, and the places by owner.

    The bundled C library itself needs nothing.
    """
    owner_of = {place: owner for owner, places in owners.items() for place in places}
    found = (need_of(place, owner_of.get(place, BOOTLOADER), file) for place, file in sorted(files.items()))
    return [need for need in found if need and need["owner"] != C_LIBRARY]


def libc_facts(found: Iterable[GlibcNeed], kind: Literal["system", "bundled"]) -> LibcFacts:
    """Return the facts for a card: the oldest glibc that is new enough, and the files that need that version."""
    rows = [] if kind == "bundled" else list(found)
    oldest = elf.newest(version for need in rows for version in need["symbols"])
    because: list[GlibcNeed] = [
        {**need, "symbols": {oldest: need["symbols"][oldest]}} for need in rows if oldest and oldest in need["symbols"]
    ]
    return {"kind": kind, "glibc": oldest, "because": because}


def need_of(place: str, owner: str, file: Path) -> GlibcNeed | None:
    """Return what a file needs, or None if it is not an ELF file or does not need glibc; raises OSError."""
    found = elf.read_elf(file)
    if found is None or not found.glibc:
        return None
    return {"file": place, "owner": owner, "symbols": {version: list(names) for version, names in found.glibc.items()}}

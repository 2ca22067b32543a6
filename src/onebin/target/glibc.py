"""Hold a bundle against the machines on which it is to run, by the glibc that its files ask for.

Enters: a Plan, before the freeze, or the rows of what was frozen. Leaves: what each file needs. Refuses, all findings
together: files that need a newer glibc than `[target] glibc` is. A bundle with a C library of its own needs none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from onebin.card import BOOTLOADER
from onebin.target import elf

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from onebin.card import GlibcNeed, LibcFacts


def needs(sources: Mapping[str, Path], owners: Mapping[str, Sequence[str]], executable: Path) -> list[GlibcNeed]:
    """Return what each file of a frozen tree needs, given the source of each place, and the places by owner."""
    owner_of = {place: owner for owner, places in owners.items() for place in places}
    found = (need_of(place, owner_of[place], source) for place, source in sorted(sources.items()))
    return [need for need in (*found, need_of(executable.name, BOOTLOADER, executable)) if need]


def libc_facts(found: Iterable[GlibcNeed], kind: Literal["system", "bundled"]) -> LibcFacts:
    """Return what a card says: the oldest glibc that will do, and the files that ask for that one."""
    rows = [] if kind == "bundled" else list(found)
    oldest = elf.newest(version for need in rows for version in need["symbols"])
    because: list[GlibcNeed] = [
        {**need, "symbols": {oldest: need["symbols"][oldest]}} for need in rows if oldest and oldest in need["symbols"]
    ]
    return {"kind": kind, "glibc": oldest, "because": because}


def need_of(place: str, owner: str, file: Path) -> GlibcNeed | None:
    """Return what a file needs, None if it is not an ELF file or needs no glibc; raises OSError."""
    found = elf.read(file)
    if found is None or not found.glibc:
        return None
    return {"file": place, "owner": owner, "symbols": {version: list(names) for version, names in found.glibc.items()}}

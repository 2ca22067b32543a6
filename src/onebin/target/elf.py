"""What an ELF file wants of the system on which it runs: its loader, its libraries, its versions of glibc.

The file format is that of the System V ABI; versions of symbols are those of the Linux Standard Base (5.0, core,
chapter 10): an object lists in `.gnu.version_r` which versions of a library it cannot do without.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from elftools.common.exceptions import ELFError
from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerNeedSection
from elftools.elf.sections import SymbolTableSection
from elftools.elf.segments import InterpSegment

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

_MAGIC = b"\x7fELF"
_PREFIX = "GLIBC_"
# A version that is no number: it stands for compact relocations, which glibc 2.36 was the first to read.
_NAMED_VERSIONS = {"ABI_DT_RELR": "2.36"}
_WEAK = 0x2  # VER_FLG_WEAK: the loader only warns if such a version is missing


@dataclass(frozen=True, kw_only=True)
class Elf:
    """What one file needs.

    `loader` is the path of an executable's dynamic loader, `libraries` are names, `glibc` has the symbols by the
    version that they are needed in, such as "2.28".
    """

    loader: str | None
    libraries: tuple[str, ...]
    glibc: Mapping[str, tuple[str, ...]]


def read(file: Path) -> Elf | None:
    """Return what an ELF file needs, or None for any other file; raises OSError."""
    with file.open("rb") as stream:
        if stream.read(len(_MAGIC)) != _MAGIC:
            return None
        try:
            elf = ELFFile(stream)
            loaders = [part.get_interp_name() for part in elf.iter_segments() if isinstance(part, InterpSegment)]
            dynamic = elf.get_section_by_name(".dynamic")
            tags = dynamic.iter_tags("DT_NEEDED") if isinstance(dynamic, DynamicSection) else ()
            return Elf(
                loader=next(iter(loaders), None),
                libraries=tuple(tag.needed for tag in tags),  # type: ignore[attr-defined]  # made for tags of this kind
                glibc=_glibc(elf),
            )
        except (ELFError, struct.error, ValueError, OSError, MemoryError):
            return None  # a damaged file has pyelftools look beyond its end


def newest(versions: Iterable[str]) -> str | None:
    """Return the highest of some versions of glibc, None if there are none."""
    return max(versions, key=number_of, default=None)


def number_of(version: str) -> tuple[int, ...]:
    """Return a version of glibc as what can be compared."""
    return tuple(map(int, version.split(".")))


def _glibc(elf: ELFFile) -> dict[str, tuple[str, ...]]:
    """Return the symbols by version; a version may have none, and is needed all the same."""
    versions = _versions(elf)
    found: dict[str, set[str]] = {version: set() for version in versions.values()}
    names, table = elf.get_section_by_name(".dynsym"), elf.get_section_by_name(".gnu.version")
    if found and table and isinstance(names, SymbolTableSection):
        data = table.data()
        numbers = struct.unpack(f"{'<' if elf.little_endian else '>'}{len(data) // 2}H", data)
        for place, number in enumerate(numbers):
            if number in versions:
                found[versions[number]].add(names.get_symbol(place).name)
    return {version: tuple(sorted(symbols)) for version, symbols in found.items()}


def _versions(elf: ELFFile) -> dict[int, str]:
    """Return the versions of glibc that a file needs, by the numbers that they have in `.gnu.version`."""
    section, found = elf.get_section_by_name(".gnu.version_r"), {}
    for _, entries in section.iter_versions() if isinstance(section, GNUVerNeedSection) else ():
        for entry in entries:
            version = entry.name.removeprefix(_PREFIX)
            version = _NAMED_VERSIONS.get(version, version)
            is_number = version.replace(".", "").isdecimal()  # GLIBC_PRIVATE is glibc's own business
            if entry.name.startswith(_PREFIX) and is_number and not entry["vna_flags"] & _WEAK:
                found[entry["vna_other"]] = version
    return found

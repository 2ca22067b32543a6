"""What an ELF file needs from the system it runs on: a loader, libraries, glibc versions.

The file format is that of the System V ABI. Symbol versions are those of the Linux Standard Base (5.0, core, chapter
10): in `.gnu.version_r`, an object lists the versions of a library that it requires.
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
# Not a version number: it stands for compact relocations, which glibc reads since 2.36.
_NAMED_VERSIONS = {"ABI_DT_RELR": "2.36"}
_WEAK = 0x2  # VER_FLG_WEAK: the loader only warns if such a version is missing


@dataclass(frozen=True, kw_only=True)
class Elf:
    """What one file needs.

    `loader` is the path of an executable's dynamic loader, `libraries` are names, `search_path` is the text of
    DT_RUNPATH, `glibc` maps a version, such as "2.28", to the symbols that are needed in it.
    """

    loader: str | None
    libraries: tuple[str, ...]
    search_path: str | None
    glibc: Mapping[str, tuple[str, ...]]


def read_elf(file: Path) -> Elf | None:
    """Return what an ELF file needs, or None for any other file; raises OSError."""
    with file.open("rb") as stream:
        if stream.read(len(_MAGIC)) != _MAGIC:
            return None
        try:
            elf = ELFFile(stream)
            loaders = [part.get_interp_name() for part in elf.iter_segments() if isinstance(part, InterpSegment)]
            dynamic = elf.get_section_by_name(".dynamic")
            tags = list(dynamic.iter_tags()) if isinstance(dynamic, DynamicSection) else []
            return Elf(
                loader=next(iter(loaders), None),
                libraries=tuple(tag.needed for tag in tags if tag.entry.d_tag == "DT_NEEDED"),  # type: ignore[attr-defined]  # set on tags of this type
                search_path=next((tag.runpath for tag in tags if tag.entry.d_tag == "DT_RUNPATH"), None),  # type: ignore[attr-defined]  # set on tags of this type
                glibc=_glibc(elf),
            )
        except (ELFError, struct.error, ValueError, OSError, MemoryError):
            return None  # pyelftools reads beyond the end of a damaged file


def loader_region(file: Path) -> tuple[int, int]:
    """Return where an executable names its dynamic loader: offset and size in bytes, with the final NUL.

    Raises OSError, and ValueError for any other file.
    """
    with file.open("rb") as stream:
        for segment in ELFFile(stream).iter_segments("PT_INTERP"):
            return segment["p_offset"], segment["p_filesz"]
    raise ValueError(f"{file} names no dynamic loader")


def newest(versions: Iterable[str]) -> str | None:
    """Return the highest of some glibc versions, or None if there are none."""
    return max(versions, key=number_of, default=None)


def number_of(version: str) -> tuple[int, ...]:
    """Return a glibc version as a tuple that can be compared."""
    return tuple(map(int, version.split(".")))


def _glibc(elf: ELFFile) -> dict[str, tuple[str, ...]]:
    """Return the needed symbols by version; a version can be needed without any symbol."""
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
    """Return the glibc versions that a file needs, by their index in `.gnu.version`."""
    section, found = elf.get_section_by_name(".gnu.version_r"), {}
    for _, entries in section.iter_versions() if isinstance(section, GNUVerNeedSection) else ():
        for entry in entries:
            version = entry.name.removeprefix(_PREFIX)
            version = _NAMED_VERSIONS.get(version, version)
            is_number = version.replace(".", "").isdecimal()  # GLIBC_PRIVATE is internal to glibc
            if entry.name.startswith(_PREFIX) and is_number and not entry["vna_flags"] & _WEAK:
                found[entry["vna_other"]] = version
    return found

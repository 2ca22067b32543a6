"""Read from an interpreter's program and library for which platform they are, and which modules are inside.

The modules are those of `PyImport_Inittab` (Python/C API, "Importing Modules"): a table of names and functions, which
the library exports. The loader would fill in its addresses; here, they are taken from the relocations.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import lief

from onebin.platforms import PLATFORMS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from onebin.platforms import Platform

    Binary = lief.ELF.Binary | lief.PE.Binary | lief.MachO.Binary

_WORD = 8  # bytes; every platform has 64 bits
_LONGEST_NAME = 128
_MOST = 1000  # modules; more means that this is no such table
_MACHINES: dict[object, str] = {
    lief.ELF.ARCH.X86_64: "x86_64",
    lief.ELF.ARCH.AARCH64: "aarch64",
    lief.PE.Header.MACHINE_TYPES.AMD64: "x86_64",
    lief.MachO.Header.CPU_TYPE.X86_64: "x86_64",
    lief.MachO.Header.CPU_TYPE.ARM64: "aarch64",
}


@dataclass(frozen=True, kw_only=True)
class Program:
    """What a program or library is for, as names of platforms, and the Python modules inside it, sorted."""

    platforms: tuple[str, ...]
    built_in: tuple[str, ...]


def read_program(file: Path, *, is_musl: bool) -> Program | None:
    """Return what a file says of itself; None if it is no ELF, PE or Mach-O file.

    `is_musl` says which C library a Linux program is for that names no dynamic loader. Raises OSError.
    """
    named: set[str] = set()
    built_in: list[str] = []
    found = None
    for found in _parsed(file):
        named |= {platform.name for platform in _platforms(found, is_musl=is_musl)}
        built_in = built_in or sorted(_built_in(found))
    return None if found is None else Program(platforms=tuple(sorted(named)), built_in=tuple(built_in))


def platforms_in(file: Path) -> tuple[str, ...] | None:
    """Return the names of the platforms that a program may be for, by its header; None if it is no program.

    One for Linux that names no dynamic loader may be for any C library. Raises OSError.
    """
    names: set[str] | None = None
    for each in _parsed(file):
        named = {found.name for is_musl in (False, True) for found in _platforms(each, is_musl=is_musl)}
        names = named | (names or set())
    return None if names is None else tuple(sorted(names))


def _parsed(file: Path) -> Iterator[Binary]:
    """Yield what is in a file: several programs in a universal one of macOS, else one.

    Each may be used only until the next is wanted.
    """
    lief.logging.disable()  # it writes to the terminal what it finds odd
    path = str(file)
    one: Binary | None = None
    if lief.is_macho(path):
        universal = lief.MachO.parse(path)  # its parts end with it
        yield from universal or ()
    elif lief.is_elf(path):
        one = lief.ELF.parse(path)
    elif lief.is_pe(path):
        one = lief.PE.parse(path)
    if one is not None:
        yield one


def _platforms(binary: Binary, *, is_musl: bool) -> Iterator[Platform]:
    wanted: tuple[str, str | None, str | None]
    if isinstance(binary, lief.ELF.Binary):
        is_musl = "ld-musl" in binary.interpreter if binary.has_interpreter else is_musl
        wanted = "linux", _MACHINES.get(binary.header.machine_type), "musl" if is_musl else "gnu"
    elif isinstance(binary, lief.PE.Binary):
        wanted = "windows", _MACHINES.get(binary.header.machine), None
    else:
        wanted = "macos", _MACHINES.get(binary.header.cpu_type), None
    yield from (each for each in PLATFORMS.values() if (each.system, each.machine, each.libc) == wanted)


def _built_in(binary: Binary) -> Iterator[str]:
    """Yield the names in the table that `PyImport_Inittab` points to; its last entry is empty."""
    pointers = _fixed_pointers(binary)
    place = _address_of(binary, "PyImport_Inittab")
    entry = 0 if place is None else _pointer(binary, pointers, place)
    for _ in range(_MOST):
        name = _pointer(binary, pointers, entry) if entry else 0
        if not name:
            return
        yield _text(binary, name)
        entry += 2 * _WORD


def _fixed_pointers(binary: Binary) -> dict[int, int]:
    """Return what the loader of macOS writes into a file's pointers, by their addresses; other files have no such."""
    if not isinstance(binary, lief.MachO.Binary):
        return {}
    return {each.address: each.target for each in binary.relocations if isinstance(each, lief.MachO.RelocationFixup)}


def _address_of(binary: Binary, name: str) -> int | None:
    if isinstance(binary, lief.PE.Binary):
        exports = binary.get_export()
        found = [each.address for each in exports.entries if each.name == name] if exports else []
        return binary.imagebase + found[0] if found else None
    if isinstance(binary, lief.ELF.Binary):
        symbol = binary.get_symbol(name)
        return None if symbol is None else symbol.value
    # Debuggers' entries of the same name, which have no address, come first.
    return next((each.value for each in binary.exported_symbols if each.name == f"_{name}"), None)


def _pointer(binary: Binary, pointers: Mapping[int, int], address: int) -> int:
    """Return the address that a pointer will have, if the file is loaded where it says."""
    if address in pointers:
        return pointers[address]
    if isinstance(binary, lief.ELF.Binary):
        relocation = binary.get_relocation(address)
        if relocation is not None and relocation.has_symbol and relocation.symbol and relocation.symbol.value:
            return relocation.symbol.value + relocation.addend
        if relocation is not None and relocation.addend:
            return relocation.addend
    return int.from_bytes(bytes(binary.get_content_from_virtual_address(address, _WORD)), "little")


def _text(binary: Binary, address: int) -> str:
    found = bytes(binary.get_content_from_virtual_address(address, _LONGEST_NAME))
    return found.partition(b"\0")[0].decode("utf-8", "replace")

"""What a program or library of any system needs: read from ELF, PE and Mach-O files alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import lief

    Parsed = lief.ELF.Binary | lief.PE.Binary | lief.MachO.Binary

_BEGINNINGS = (b"\x7fELF", b"MZ", b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe", b"\xca\xfe\xba\xbe")
_LONGEST = max(map(len, _BEGINNINGS))
_CUT_OFF = "none"  # the processor of an ELF file that ends in its header

System = Literal["linux", "windows", "macos"]


@dataclass(frozen=True, kw_only=True)
class Binary:
    """What one file is for, and what it needs.

    `machines` are "x86_64", "aarch64", or whatever the format calls another processor; a universal file of macOS has
    several. `libraries` are as the file names them, without those that it can do without. `search_path` are the folders
    that it names (DT_RPATH, DT_RUNPATH, LC_RPATH), as they are.
    """

    system: System
    machines: tuple[str, ...]
    libraries: tuple[str, ...]
    search_path: tuple[str, ...] = ()


def needs_of(file: Path) -> Binary | None:
    """Return what a file needs, or None if it is no program or library, or is damaged; raises OSError."""
    with file.open("rb") as stream:
        if not stream.read(_LONGEST).startswith(_BEGINNINGS):
            return None
    found = [read for each in _parsed(file) if (read := _read(each)).machines != (_CUT_OFF,)]
    if not found:
        return None
    return Binary(
        system=found[0].system,
        machines=tuple(machine for each in found for machine in each.machines),
        libraries=tuple(dict.fromkeys(name for each in found for name in each.libraries)),
        search_path=tuple(dict.fromkeys(name for each in found for name in each.search_path)),
    )


def exports(file: Path, name: str) -> bool:
    """Return whether a program or library exports a function, by its name in C; raises OSError."""
    wanted = {name, f"_{name}"}
    return any(each.name in wanted for binary in _parsed(file, exported=True) for each in binary.exported_functions)


def _parsed(file: Path, *, exported: bool = False) -> Iterator[Parsed]:
    """Yield what is in a file, read as far as is needed: several in a universal file of macOS.

    Each may be used only until the next is wanted.
    """
    import lief  # noqa: PLC0415  # slow to load, and most files are none

    lief.logging.disable()  # it writes to the terminal what it finds odd
    path = str(file)
    one: Parsed | None = None
    if lief.is_elf(path):
        elf = lief.ELF.ParserConfig()
        elf.parse_relocations = elf.parse_notes = elf.parse_symtab_symbols = elf.parse_symbol_versions = False
        elf.parse_dyn_symbols = exported
        one = lief.ELF.parse(path, elf)
    elif lief.is_pe(path):
        pe = lief.PE.ParserConfig()
        pe.parse_signature = pe.parse_rsrc = pe.parse_reloc = False
        pe.parse_exports = exported
        one = lief.PE.parse(path, pe)
    elif lief.is_macho(path):
        config = lief.MachO.ParserConfig.deep if exported else lief.MachO.ParserConfig.quick
        universal = lief.MachO.parse(path, config)  # its parts end with it
        yield from universal or ()
    if one is not None:
        yield one


def _read(binary: Parsed) -> Binary:
    import lief  # noqa: PLC0415  # as above

    if isinstance(binary, lief.ELF.Binary):
        paths = (
            each
            for each in binary.dynamic_entries
            if isinstance(each, lief.ELF.DynamicEntryRpath | lief.ELF.DynamicEntryRunPath)
        )
        return Binary(
            system="linux",
            machines=(_machine(binary.header.machine_type),),
            libraries=tuple(map(str, binary.libraries)),
            search_path=tuple(path for each in paths for path in each.paths),
        )
    if isinstance(binary, lief.PE.Binary):
        names = (str(each.name) for each in binary.imports)
        return Binary(system="windows", machines=(_machine(binary.header.machine),), libraries=tuple(names))
    kinds = {lief.MachO.LoadCommand.TYPE.LOAD_DYLIB, lief.MachO.LoadCommand.TYPE.REEXPORT_DYLIB}
    return Binary(
        system="macos",
        machines=(_machine(binary.header.cpu_type),),
        libraries=tuple(str(each.name) for each in binary.libraries if each.command in kinds),
        search_path=tuple(each.path for each in binary.rpaths),
    )


def _machine(value: object) -> str:
    """Return the name of a processor."""
    name = str(getattr(value, "name", value)).lower()
    return {"amd64": "x86_64", "arm64": "aarch64"}.get(name, name)

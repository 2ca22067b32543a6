"""Remove symbols from binaries, with a program that knows their processor. Standard library only."""

from __future__ import annotations

import platform
import shutil
import struct
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_AT_ONCE = 100
# Offsets in ELF's header, and in a section's (System V ABI, for 64 bits).
_MACHINE, _SECTIONS, _SECTION_SIZE, _SECTION_KIND = 0x12, 0x28, 0x3A, 4
_MACHINES = {62: "x86_64", 183: "aarch64"}
_SYMBOLS = 2


def strip(files: Iterable[str]) -> list[str]:
    """Remove the symbols from ELF files; return those that keep them, because no program knows their processor."""
    by_machine: dict[str, list[str]] = {}
    for file in files:
        by_machine.setdefault(_machine_of(file), []).append(file)
    kept = []
    for machine, group in by_machine.items():
        program = program_for(machine)
        if program is None:
            kept += [file for file in group if _has_symbols(Path(file).read_bytes())]
        for start in range(0, len(group) if program else 0, _AT_ONCE):
            command = [str(program), "--strip-unneeded", *group[start : start + _AT_ONCE]]  # on PATH, like the linker
            subprocess.run(command, check=False)  # noqa: S603  # a list of arguments, no shell
    return kept


def program_for(machine: str) -> str | None:
    """Return what removes symbols from files for a processor, as `platform.machine` names it; None if there is nothing.

    The `strip` of a machine only knows its own files; Debian names that of another one after it.
    """
    if machine == platform.machine():
        return "strip"
    return next((name for name in (f"{machine}-linux-gnu-strip", "llvm-strip") if shutil.which(name)), None)


def _machine_of(file: str) -> str:
    with Path(file).open("rb") as stream:
        start = stream.read(_MACHINE + 2)
    return _MACHINES.get(int.from_bytes(start[_MACHINE:], "little"), platform.machine())


def _has_symbols(data: bytes) -> bool:
    (sections,) = struct.unpack_from("<Q", data, _SECTIONS)
    size, count = struct.unpack_from("<HH", data, _SECTION_SIZE)
    kinds = (data[sections + number * size + _SECTION_KIND] for number in range(count if sections else 0))
    return _SYMBOLS in kinds

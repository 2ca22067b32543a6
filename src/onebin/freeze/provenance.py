"""Say for every file and module of a frozen tree to whom it belongs; what belongs to nobody must not be there.

Enters: what PyInstaller collected, as (place, source, kind) rows. Leaves: an owner for each place. Refuses, all
findings together: files of the toolchain, files of the stage that no locked distribution recorded, and data from
anywhere else on the machine.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from onebin.card import BOOTLOADER, INTERPRETER, MANIFEST, ONEBIN, SYSTEM
from onebin.errors import FreezeError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onebin.check import Plan
    from onebin.freeze.tree import Contents
    from onebin.stage import Toolchain


# What PyInstaller puts into every frozen program is no part of the toolchain but of the bootloader.
_LOADER_FOLDERS = frozenset({"loader", "fake-modules", "rthooks"})
# Where PyInstaller puts the scripts of Tcl and Tk, which the standard library needs for tkinter: they belong to the
# interpreter, though they may be files of the system.
_TCL_FOLDERS = frozenset({"_tcl_data", "_tk_data", "tcl8"})
_SHOWN = 10


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where the files of a freeze may come from."""

    plan: Plan
    toolchain: Toolchain
    source_dir: Path
    work_dir: Path

    def owner(self, place: str, source: str, kind: str) -> str | None:
        """Return the owner of one row: a distribution's name or one of this module's constants; None for nobody."""
        path = Path(source)
        if kind == "SYMLINK" or not path.is_absolute():
            return SYSTEM if kind == "SYMLINK" else INTERPRETER
        if path.is_relative_to(self.source_dir):
            return ONEBIN
        if path.is_relative_to(self.work_dir):
            return self._owner_of_made(place, kind)
        if path.is_relative_to(self.toolchain.directory):
            return BOOTLOADER if _LOADER_FOLDERS & set(path.relative_to(self.toolchain.directory).parts) else None
        stage = self.plan.stage
        if path.is_relative_to(stage.directory):
            return self._recorded.get(Path(os.path.relpath(path, stage.site_packages)).as_posix())
        return INTERPRETER if Path(place).parts[0] in _TCL_FOLDERS else self._owner_outside(path, kind)

    @property
    def _recorded(self) -> Mapping[str, str]:
        return self.plan.survey.recorded

    def _owner_of_made(self, place: str, kind: str) -> str:
        """Return the owner of what the freeze made: bytecode is its source's, the rest the interpreter's.

        The modules with which the bootloader starts come compiled, too; some of them are the library's.
        """
        if kind == "PYMODULE" and place not in self.plan.interpreter.library_names:
            return BOOTLOADER
        folder, _, name = place.replace("\\", "/").rpartition("/__pycache__/")
        return self._recorded.get(f"{folder}/{name.partition('.')[0]}.py".removeprefix("/"), INTERPRETER)

    def _owner_outside(self, path: Path, kind: str) -> str | None:
        manifest, interpreter = self.plan.manifest, self.plan.interpreter
        if any(path.is_relative_to(manifest.directory / own) for own in manifest.freeze.data.values()):
            return MANIFEST
        if any(path.is_relative_to(top) for top in (*interpreter.stdlib, interpreter.prefix)):
            return INTERPRETER
        # Shared libraries of the machine, on which extension modules of the interpreter or of a wheel depend.
        return SYSTEM if kind in {"BINARY", "EXTENSION"} else None


def attribute(contents: Contents, places: Places) -> dict[str, list[str]]:
    """Return the places in the frozen tree by owner; raises FreezeError if anything belongs to nobody."""
    owned: dict[str, list[str]] = {}
    strangers = []
    for place, source, kind in (*contents.modules, *contents.files):
        owner = places.owner(place, source, kind)
        if owner is None:
            strangers.append(f"{place} (from {source})")
        else:
            owned.setdefault(owner, []).append(place)
    if strangers:
        more = f"\n  and {len(strangers) - _SHOWN} more" if len(strangers) > _SHOWN else ""
        raise FreezeError(
            "the freezer collected what belongs to no locked distribution:\n  "
            + "\n  ".join(strangers[:_SHOWN])
            + more,
            "lock the distribution that has it as a plugin's or the host's dependency, or add it under [freeze.data]",
        )
    return {owner: sorted(found) for owner, found in sorted(owned.items())}

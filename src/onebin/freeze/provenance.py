"""Find the owner of every file and module in a frozen tree. A file without an owner is an error.

These have none: files of the toolchain, files of the stage that no locked distribution has recorded, and data from
anywhere else on the machine. All of them are reported together.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from onebin.card import BOOTLOADER, C_LIBRARY, INTERPRETER, MANIFEST, ONEBIN, SYSTEM
from onebin.errors import FreezeError
from onebin.freeze.binaries import ADAPTED
from onebin.tree import INTERPRETER as PYTHON, places_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onebin.check import Plan
    from onebin.freeze.tree import Contents
    from onebin.stage import Toolchain


# Folders of PyInstaller with files that go into frozen programs: those belong to the bootloader, not to the toolchain.
_LOADER_FOLDERS = frozenset({"loader", "fake-modules", "rthooks"})
# Where the scripts of Tcl and Tk are, in a tree and in one file. They belong to the interpreter, for its tkinter, even
# if the system has installed them.
_TCL = re.compile(r"(?:lib/(?:tcl|tk)[0-9.]+|_tcl_data|_tk_data|tcl8)/")
_BYTECODE = "__pycache__"
_SHOWN = 10


@dataclass(frozen=True, kw_only=True)
class Origins:
    """The places from which the files of a frozen tree may come."""

    plan: Plan
    toolchain: Toolchain
    source_dir: Path
    work_dir: Path
    starter: Path | None

    def owner(self, place: str, source: str, kind: str) -> str | None:
        """Return the owner of one row: the name of a distribution or a constant of `onebin.card`, or None."""
        path = Path(source)
        if not source or path.parts[0] == ADAPTED:
            return self._owner_of_made(place)
        if path == self.starter or path.parts[0] == self.source_dir.name or path.is_relative_to(self.source_dir):
            return ONEBIN
        if not path.is_absolute() or path.is_relative_to(self.work_dir):
            return INTERPRETER
        if path.is_relative_to(self.toolchain.directory):
            return BOOTLOADER if _LOADER_FOLDERS & set(path.relative_to(self.toolchain.directory).parts) else None
        stage = self.plan.stage
        if path.is_relative_to(stage.directory):
            return self._recorded.get(Path(os.path.relpath(path, stage.site_packages)).as_posix())
        return INTERPRETER if _TCL.match(place) else self._owner_outside(path, kind)

    @property
    def _recorded(self) -> Mapping[str, str]:
        return self.plan.survey.recorded

    @cached_property
    def _owner_of_place(self) -> Mapping[str | None, str]:
        """The owner of each file of a distribution by its place in a tree."""
        places = places_of(self.plan.interpreter)
        return {places.of_installed(recorded): owner for recorded, owner in self._recorded.items()}

    def _owner_of_made(self, place: str) -> str:
        """Return the owner of a new file: a changed copy or bytecode of somebody's file, or onebin's own."""
        folder, _, name = place.rpartition(f"/{_BYTECODE}/")
        if not folder:
            is_changed = place.startswith(f"{PYTHON}/")  # a copy of a file of the interpreter
            return self._owner_of_place.get(place, INTERPRETER if is_changed else ONEBIN)
        _, inside, below = f"{folder}/{name.partition('.')[0]}.py".partition("/site-packages/")
        return self._recorded.get(below, INTERPRETER) if inside else INTERPRETER

    def _owner_outside(self, path: Path, kind: str) -> str | None:
        manifest, interpreter = self.plan.manifest, self.plan.interpreter
        if self.plan.libc is not None and path in self.plan.libc.files:
            return C_LIBRARY
        if any(path.is_relative_to(manifest.directory / own) for own in manifest.freeze.data.values()):
            return MANIFEST
        if any(path.is_relative_to(top) for top in (*interpreter.stdlib, interpreter.prefix)):
            return INTERPRETER
        if path in self.plan.libraries.values():
            return SYSTEM
        # Shared libraries of the system, which extension modules of the interpreter or of a wheel need.
        return SYSTEM if kind in {"BINARY", "EXTENSION"} else None


def attribute(contents: Contents, origins: Origins) -> dict[str, list[str]]:
    """Return the places in the frozen tree by owner; raises FreezeError if a file or module has none."""
    owned: dict[str, list[str]] = {}
    ownerless = []
    for place, source, kind, _ in (*contents.modules, *contents.files):
        owner = origins.owner(place, source, kind)
        if owner is None:
            ownerless.append(f"{place} (from {source})")
        else:
            owned.setdefault(owner, []).append(place)
    if ownerless:
        more = f"\n  and {len(ownerless) - _SHOWN} more" if len(ownerless) > _SHOWN else ""
        raise FreezeError(
            "the freeze collected files that belong to no locked distribution:\n  "
            + "\n  ".join(ownerless[:_SHOWN])
            + more,
            "make the distribution that has them a dependency of the host or a plugin, or add them to [freeze.data]",
        )
    return {owner: sorted(found) for owner, found in sorted(owned.items())}

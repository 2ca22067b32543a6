"""A frozen tree: the folder that PyInstaller made, and a record of what went into it."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from onebin.card import GlibcNeed, SizeRow

_LINK = "SYMLINK"


class Row(NamedTuple):
    """One entry of PyInstaller's tables of contents: its place in the tree, its source, and its type code.

    A place has "/" between its parts. The place of a module is its dotted name. The source may be empty.
    """

    place: str
    source: str
    kind: str

    @property
    def is_link(self) -> bool:
        """Whether it is a symbolic link that PyInstaller made. Then its source is not a file."""
        return self.kind == _LINK


class Packed(NamedTuple):
    """The size in bytes and the SHA-256 of what PyInstaller packed into the executable under one name."""

    size: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Contents:
    """What went into a frozen tree.

    `archive` has the code of each module in the executable, and `program` everything else in it, both by name.
    """

    modules: tuple[Row, ...]
    binaries: tuple[Row, ...]
    data: tuple[Row, ...]
    archive: Mapping[str, Packed]
    program: Mapping[str, Packed]

    @classmethod
    def read(cls, file: Path) -> Contents:
        """Read the record that the driver wrote; raises OSError."""
        noted = json.loads(file.read_text("utf-8"))
        modules, binaries, data = (tuple(_row(*row) for row in noted[name]) for name in ("modules", "binaries", "data"))
        archive, program = (
            {key: Packed(*value) for key, value in noted[name].items()} for name in ("archive", "program")
        )
        return cls(modules=modules, binaries=binaries, data=data, archive=archive, program=program)

    @property
    def files(self) -> tuple[Row, ...]:
        """The entries that are separate files: shared libraries, then data."""
        return self.binaries + self.data

    @property
    def sources(self) -> dict[str, Path]:
        """The source of each file, by its place. Links have none."""
        return {row.place: Path(row.source) for row in self.files if not row.is_link}


def _row(place: str, source: str | None, kind: str) -> Row:
    return Row(place.replace("\\", "/") if sys.platform == "win32" else place, source or "", kind)


@dataclass(frozen=True, kw_only=True)
class FrozenTree:
    """The result of a freeze: an executable, its contents, and the places of the contents by owner.

    In the layout `onefile`, the executable is the only file in its folder.
    """

    key: str
    executable: Path
    contents: Contents
    owners: Mapping[str, Sequence[str]]
    glibc: Sequence[GlibcNeed]
    sizes: Sequence[SizeRow]

    @property
    def directory(self) -> Path:
        """The folder that holds the executable and everything beside it."""
        return self.executable.parent

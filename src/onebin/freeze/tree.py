"""A frozen tree: which files an artifact will hold, and a record of what went into them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from onebin.card import GlibcNeed, SizeRow


class Row(NamedTuple):
    """A file or module: its place, its source, its type code as in PyInstaller's tables, and the copy made of it.

    The place of a file is a POSIX path in the tree, that of a module its dotted name. `made` is a path in the folder
    `made` of the freeze; it is empty if the source itself goes into the tree. The source of a new file is empty, and
    that of a generated file is relative to the folder of the freeze.
    """

    place: str
    source: str
    kind: str
    made: str = ""


class Packed(NamedTuple):
    """The size in bytes and the SHA-256 of the code of one module."""

    size: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Contents:
    """What went into a frozen tree.

    `links` are symbolic links by place. `codes` is the code of modules that is in code.bin or in the executable,
    `identity` the digest of a tree, in hexadecimal digits. `skipped_hooks` are lines about hooks of PyInstaller that
    failed, `unstripped` the names of libraries that keep their symbols because nothing here can remove them.
    """

    modules: tuple[Row, ...]
    files: tuple[Row, ...]
    links: Mapping[str, str]
    codes: Mapping[str, Packed]
    identity: str
    skipped_hooks: tuple[str, ...] = ()
    unstripped: tuple[str, ...] = ()

    @classmethod
    def read(cls, file: Path) -> Contents:
        """Read the record that the driver wrote; raises OSError."""
        noted = json.loads(file.read_text("utf-8"))
        modules, files = (tuple(_row(*row) for row in noted[name]) for name in ("modules", "files"))
        codes = {name: Packed(*packed) for name, packed in noted["codes"].items()}
        return cls(
            modules=modules,
            files=files,
            links=noted["links"],
            codes=codes,
            identity=noted["identity"],
            skipped_hooks=tuple(noted["skipped_hooks"]),
            unstripped=tuple(noted.get("unstripped", ())),
        )


def _row(place: str, source: str | None, kind: str, made: str = "") -> Row:
    return Row(place, source or "", kind, made)


@dataclass(frozen=True, kw_only=True)
class FrozenTree:
    """The result of a freeze: its files by place, its contents, and the places of the contents by owner.

    In the layout `onefile`, `executable` holds all files; otherwise there is none. `is_new` if it was frozen just now.
    """

    key: str
    files: Mapping[str, Path]
    executable: Path | None
    contents: Contents
    owners: Mapping[str, Sequence[str]]
    glibc: Sequence[GlibcNeed]
    sizes: Sequence[SizeRow]
    is_new: bool = field(default=False, compare=False)

"""List every file and every module of a frozen tree, with its owner, size and digest.

Takes a FrozenTree, in which everything has an owner (see `provenance`), and returns rows for the card, sorted by name.
Raises PackError for files in the tree that have no owner.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from onebin.card import BESIDE, BOOTLOADER
from onebin.errors import PackError
from onebin.system import sha256_of_entry

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from onebin.card import FileFacts, ModuleFacts
    from onebin.freeze import FrozenTree


def files(frozen: FrozenTree) -> list[FileFacts]:
    """Return a row for each file of the tree, or for a one-file executable; raises OSError and PackError."""
    owners = _owners(frozen)
    tree = frozen.directory
    rows = [_file(path, path.relative_to(tree).as_posix(), owners) for path in tree.rglob("*") if _is_file(path)]
    collected = _collected(frozen)
    for name, (size, digest) in frozen.contents.program.items():
        if name in collected:
            rows.append({"path": name, "owner": owners[name], "bytes": size, "sha256": digest})
    strangers = sorted(row["path"] for row in rows if not row["owner"])
    if strangers:
        raise PackError(
            f"{', '.join(strangers[:10])}: no owner is known for these files in the frozen tree",
            "run `onebin cache clean frozen` and build again",
        )
    return sorted(rows, key=lambda row: row["path"])


def modules(frozen: FrozenTree) -> list[ModuleFacts]:
    """Return a row for each module in the executable: those in PyInstaller's archive, and those it starts with."""
    owners = _owners(frozen)
    codes = {**frozen.contents.program, **frozen.contents.archive}
    names = {row.place for row in frozen.contents.modules} - _collected(frozen)
    return [
        {"name": name, "owner": owners[name], "bytes": size, "sha256": digest}
        for name, (size, digest) in sorted(codes.items())
        if name in names
    ]


def _collected(frozen: FrozenTree) -> set[str]:
    """Return the paths of all files; a program that unpacks itself starts with some libraries, too."""
    return {row.place for row in frozen.contents.files}


def _owners(frozen: FrozenTree) -> dict[str, str]:
    return {place: owner for owner, places in frozen.owners.items() for place in places}


def _is_file(path: Path) -> bool:
    return path.is_symlink() or path.is_file()


def _file(path: Path, name: str, owners: Mapping[str, str]) -> FileFacts:
    owner = owners.get(name.removeprefix(BESIDE), "") if name.startswith(BESIDE) else BOOTLOADER
    if path.is_symlink():
        target = path.readlink().as_posix()
        size = len(target.encode())
        return {"path": name, "owner": owner, "bytes": size, "sha256": sha256_of_entry(path), "link": target}
    return {"path": name, "owner": owner, "bytes": path.stat().st_size, "sha256": sha256_of_entry(path)}

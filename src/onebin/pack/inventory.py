"""List every file and every module of a frozen tree, with its owner, size and digest.

Takes a FrozenTree, in which everything has an owner (see `provenance`), and returns rows for the card, sorted by name.
Raises PackError for files in the tree that have no owner.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from onebin.card import BOOTLOADER, ONEBIN
from onebin.errors import PackError
from onebin.system import sha256_of_file

if TYPE_CHECKING:
    from pathlib import Path

    from onebin.card import FileFacts, ModuleFacts
    from onebin.freeze import FrozenTree


def files(frozen: FrozenTree) -> list[FileFacts]:
    """Return a row for each file and link of the tree, or for a one-file executable; raises OSError and PackError."""
    owners = _owners(frozen)
    rows = [_file(place, file, owners.get(place, "")) for place, file in frozen.files.items()]
    rows += [_link(place, target) for place, target in frozen.contents.links.items()]
    if frozen.executable is not None:
        rows.append(_file(frozen.executable.name, frozen.executable, BOOTLOADER))
    strangers = sorted(row["path"] for row in rows if not row["owner"])
    if strangers:
        raise PackError(
            f"{', '.join(strangers[:10])}: no owner is known for these files in the frozen tree",
            "run `onebin cache clean frozen` and build again",
        )
    return sorted(rows, key=lambda row: row["path"])


def modules(frozen: FrozenTree) -> list[ModuleFacts]:
    """Return a row for each module whose code is in code.bin, or in the executable."""
    owners = _owners(frozen)
    names = {row.place for row in frozen.contents.modules}
    return [
        {"name": name, "owner": owners[name], "bytes": size, "sha256": digest}
        for name, (size, digest) in sorted(frozen.contents.codes.items())
        if name in names
    ]


def _owners(frozen: FrozenTree) -> dict[str, str]:
    return {place: owner for owner, places in frozen.owners.items() for place in places}


def _file(place: str, file: Path, owner: str) -> FileFacts:
    return {"path": place, "owner": owner, "bytes": file.stat().st_size, "sha256": sha256_of_file(file)}


def _link(place: str, target: str) -> FileFacts:
    """Return the row of a symbolic link: its names for the interpreter are onebin's."""
    text = target.encode()
    digest = hashlib.sha256(text).hexdigest()
    return {"path": place, "owner": ONEBIN, "bytes": len(text), "sha256": digest, "link": target}

"""The list of every file and module of a frozen tree on the card, with owner, size and digest."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from onebin.errors import PackError
from onebin.freeze.tree import Packed
from onebin.pack import inventory
from support.builders import frozen

if TYPE_CHECKING:
    from pathlib import Path

    from onebin.freeze import FrozenTree

OWNERS = {"interpreter": ["json", "json.decoder"], "onebin": ["entry", "code.bin"], "pkg": ["lib/words.txt"]}


def digest(text: str) -> str:
    """Return the SHA-256 of a text."""
    return sha256(text.encode()).hexdigest()


CODES = {name: Packed(len(name), digest(name)) for name in ("json.decoder", "entry", "json")}


def tree(folder: Path, *places: str, executable: Path | None = None) -> FrozenTree:
    """Return a tree of files, each with its name as its content, and one link."""
    files = {}
    for place in places:
        files[place] = folder / f"source-of-{place.replace('/', '-')}"
        files[place].write_text(place)
    links = {} if executable else {"bin/python": "../python/bin/python3.12"}
    return frozen(files, links=links, codes=CODES, owners=OWNERS, executable=executable)


def test_files_and_links_are_listed(tmp_path: Path) -> None:
    """Files are listed by their places, whatever their sources are called, and links with their targets as onebin's."""
    target = "../python/bin/python3.12"
    assert inventory.files(tree(tmp_path, "lib/words.txt", "code.bin")) == [
        {"path": "bin/python", "owner": "onebin", "bytes": len(target), "sha256": digest(target), "link": target},
        {"path": "code.bin", "owner": "onebin", "bytes": 8, "sha256": digest("code.bin")},
        {"path": "lib/words.txt", "owner": "pkg", "bytes": 13, "sha256": digest("lib/words.txt")},
    ]


def test_files_of_a_one_file_executable_are_listed(tmp_path: Path) -> None:
    """The files inside a one-file executable are listed beside the executable, which is the bootloader's."""
    (tmp_path / "tiny").write_text("program")
    found = inventory.files(tree(tmp_path, "lib/words.txt", executable=tmp_path / "tiny"))
    assert [(row["path"], row["owner"], row["sha256"]) for row in found] == [
        ("lib/words.txt", "pkg", digest("lib/words.txt")),
        ("tiny", "bootloader", digest("program")),
    ]


def test_modules_with_code_are_listed(tmp_path: Path) -> None:
    """The modules whose code is in code.bin are listed by name, with their owners."""
    found = inventory.modules(tree(tmp_path, "code.bin"))
    assert [(row["name"], row["owner"], row["bytes"], row["sha256"]) for row in found] == [
        ("entry", "onebin", 5, digest("entry")),
        ("json", "interpreter", 4, digest("json")),
        ("json.decoder", "interpreter", 12, digest("json.decoder")),
    ]


def test_file_without_an_owner_is_refused(tmp_path: Path) -> None:
    """A file that was added to the tree after its files were attributed is refused."""
    with pytest.raises(PackError, match="bin/smuggled: no owner is known"):
        inventory.files(tree(tmp_path, "code.bin", "bin/smuggled"))

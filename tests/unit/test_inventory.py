"""The list of every file and module of a frozen tree on the card, with owner, size and digest."""

from __future__ import annotations

import sys
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from onebin.errors import PackError
from onebin.freeze.tree import Contents, FrozenTree, Packed, Row
from onebin.pack import inventory

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links of POSIX")

OWNERS = {
    "bootloader": ["pyiboot01_bootstrap"],
    "interpreter": ["json", "json.decoder"],
    "onebin": ["entry"],
    "pkg": ["pkg/words.txt", "pkg/deep/noise.so"],
    "system": ["link.so"],
}


def digest(text: str) -> str:
    """Return the SHA-256 of a text."""
    return sha256(text.encode()).hexdigest()


def frozen(folder: Path, program: dict[str, Packed]) -> FrozenTree:
    """Return a tree with one executable whose archive has two modules of the interpreter."""
    (folder / "_internal").mkdir(parents=True)
    (folder / "tiny").write_text("program")
    return FrozenTree(
        key="",
        executable=folder / "tiny",
        contents=Contents(
            modules=tuple(
                Row(name, "", "") for name in ("json", "json.decoder", "entry", "pyiboot01_bootstrap", "gone")
            ),
            binaries=(
                Row("pkg/deep/noise.so", "noise.so", "EXTENSION"),
                Row("link.so", "pkg/deep/noise.so", "SYMLINK"),
            ),
            data=(Row("pkg/words.txt", "words.txt", "DATA"),),
            archive={"json.decoder": Packed(3, digest("two")), "json": Packed(3, digest("one"))},
            program={
                "entry": Packed(5, digest("entry")),
                "pyiboot01_bootstrap": Packed(4, digest("boot")),
                **program,
            },
        ),
        owners=OWNERS,
        glibc=[],
        sizes=[],
    )


def test_files_of_a_tree_are_listed(tmp_path: Path) -> None:
    """Files at any depth are listed by path, links with their targets, and the executable as the bootloader's."""
    tree = frozen(tmp_path / "dist", {})
    (tree.directory / "_internal/pkg/deep").mkdir(parents=True)
    (tree.directory / "_internal/pkg/words.txt").write_text("words")
    (tree.directory / "_internal/pkg/deep/noise.so").write_text("noise")
    (tree.directory / "_internal/link.so").symlink_to("pkg/deep/noise.so")
    assert inventory.files(tree) == [
        {
            "path": "_internal/link.so",
            "owner": "system",
            "bytes": 17,
            "sha256": digest("pkg/deep/noise.so"),
            "link": "pkg/deep/noise.so",
        },
        {"path": "_internal/pkg/deep/noise.so", "owner": "pkg", "bytes": 5, "sha256": digest("noise")},
        {"path": "_internal/pkg/words.txt", "owner": "pkg", "bytes": 5, "sha256": digest("words")},
        {"path": "tiny", "owner": "bootloader", "bytes": 7, "sha256": digest("program")},
    ]


def test_files_of_a_one_file_executable_are_listed(tmp_path: Path) -> None:
    """The files inside a one-file executable are listed beside the executable, with their paths in it."""
    tree = frozen(tmp_path / "dist", {"pkg/words.txt": Packed(5, digest("words"))})
    assert [(row["path"], row["owner"], row["sha256"]) for row in inventory.files(tree)] == [
        ("pkg/words.txt", "pkg", digest("words")),
        ("tiny", "bootloader", digest("program")),
    ]


def test_modules_of_the_executable_are_listed(tmp_path: Path) -> None:
    """Modules of the archive and those that start the program are listed by name, without files."""
    tree = frozen(tmp_path / "dist", {"pkg/words.txt": Packed(5, digest("words"))})
    assert [(row["name"], row["owner"], row["bytes"], row["sha256"]) for row in inventory.modules(tree)] == [
        ("entry", "onebin", 5, digest("entry")),
        ("json", "interpreter", 3, digest("one")),
        ("json.decoder", "interpreter", 3, digest("two")),
        ("pyiboot01_bootstrap", "bootloader", 4, digest("boot")),
    ]


def test_file_without_an_owner_is_refused(tmp_path: Path) -> None:
    """A file that was added to the tree after its files were attributed is refused."""
    tree = frozen(tmp_path / "dist", {})
    (tree.directory / "_internal/smuggled").write_text("x")
    with pytest.raises(PackError, match="_internal/smuggled: no owner is known"):
        inventory.files(tree)

"""The size of each owner's part: every byte of a tree has an owner, and the shares add up to the file."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from onebin.card.file import Payload
from onebin.freeze import sizes
from onebin.freeze.tree import Packed
from support.builders import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from onebin.card.facts import SizeRow
    from onebin.freeze import FrozenTree

NOISE = random.Random(7).randbytes(200_000)  # noqa: S311  # the same in every run, and not a secret
CODES = {"json": Packed(3000, ""), "pkg": Packed(1000, "")}
FILES = {
    "code.bin": NOISE[:10_000],
    "python/lib/libc.so.6": NOISE[:5000],
    "python/lib/python3.12/json.py": NOISE[:700],
    "lib/pkg/words.txt": b"word " * 10_000,
    "lib/pkg/noise.so": NOISE,
}
OWNERS = {
    "C library": ["python/lib/libc.so.6"],
    "interpreter": ["json", "python/lib/python3.12/json.py"],
    "onebin": ["code.bin"],
    "pkg": ["pkg", "lib/pkg/words.txt", "lib/pkg/noise.so"],
}


@pytest.fixture
def tree(tmp_path: Path) -> FrozenTree:
    """Return a tree with the code of two modules in code.bin."""
    return frozen(written(tmp_path, FILES), codes=CODES, owners=OWNERS)


def written(folder: Path, files: Mapping[str, bytes]) -> dict[str, Path]:
    """Write files into a folder under other names, and return them by place."""
    found = {}
    for number, (place, content) in enumerate(files.items()):
        found[place] = folder / str(number)
        found[place].write_bytes(content)
    return found


def measured(tree: FrozenTree) -> list[SizeRow]:
    """Return the sizes of a tree's parts."""
    return sizes.measure(tree.contents, tree.owners, tree.files, tree.executable)


def by_owner(rows: list[SizeRow]) -> dict[str, SizeRow]:
    """Return the rows by owner."""
    return {row["owner"]: row for row in rows}


def test_every_byte_has_an_owner(tree: FrozenTree) -> None:
    """Files count for their owners, code for the modules' owners, and the rest of code.bin for onebin."""
    found = by_owner(measured(tree))
    assert {owner: (row["kind"], row["files"], row["bytes"]) for owner, row in found.items()} == {
        "C library": ("C library", 1, 5000),
        "interpreter": ("interpreter", 2, 700 + 3000),
        "onebin": ("onebin", 0, 6000),
        "pkg": ("distribution", 3, 1000 + 50_000 + 200_000),
    }
    assert sum(row["bytes"] for row in found.values()) == sum(map(len, FILES.values()))
    assert 200_000 < found["pkg"]["in_file"] < 205_000  # the words are much smaller when compressed


def test_rest_of_a_one_file_executable_is_the_bootloaders(tmp_path: Path) -> None:
    """In a one-file executable, what is not the code of a module is the bootloader's."""
    (tmp_path / "tiny").write_bytes(NOISE[:10_000])
    owners = {"bootloader": ["pyi_rth"], "interpreter": ["json"], "pkg": ["pkg"]}
    codes = {**CODES, "pyi_rth": Packed(500, "")}
    found = by_owner(measured(frozen({}, codes=codes, owners=owners, executable=tmp_path / "tiny")))
    assert {owner: row["bytes"] for owner, row in found.items()} == {
        "bootloader": 500 + 5500,
        "interpreter": 3000,
        "pkg": 1000,
    }


def test_shares_add_up_to_the_file(tree: FrozenTree) -> None:
    """The launcher and all shares add up to the artifact, and a larger compressed part has a larger share."""
    shared = sizes.in_artifact(measured(tree), Payload(offset=300, size=100_000), 100_300)
    assert sum(row["in_file"] for row in shared) == pytest.approx(100_300, abs=len(shared))
    assert by_owner(shared)["launcher"]["in_file"] == 300
    assert by_owner(shared)["pkg"]["in_file"] > by_owner(shared)["C library"]["in_file"]


def test_other_layouts_have_no_launcher(tree: FrozenTree) -> None:
    """In a folder, shares are the plain sizes; in a one-file executable, they add up to the whole file."""
    rows = measured(tree)
    assert all(row["in_file"] == row["bytes"] for row in sizes.in_artifact(rows, Payload(), 0))
    whole = sizes.in_artifact(rows, Payload(), 50_000)
    assert "launcher" not in by_owner(whole)
    assert sum(row["in_file"] for row in whole) == pytest.approx(50_000, abs=len(whole))

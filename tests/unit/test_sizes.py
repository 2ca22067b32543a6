"""The size of each owner's part: every frozen byte has an owner, and the shares add up to the file."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from onebin.card.file import Payload
from onebin.freeze import sizes
from onebin.freeze.tree import Contents, Packed, Row

if TYPE_CHECKING:
    from pathlib import Path

    from onebin.card.facts import SizeRow

NOISE = random.Random(7).randbytes(200_000)  # noqa: S311  # the same in every run, and not a secret
OWNERS = {
    "bootloader": ["pyi_rth"],
    "C library": ["libc.so.6"],
    "interpreter": ["json"],
    "pkg": ["pkg", "pkg/words.txt", "pkg/noise.so", "link.so"],
}


@pytest.fixture
def frozen(tmp_path: Path) -> tuple[Contents, Path]:
    """Return the contents of a tree with two archived modules, a stripped library, text and a link."""
    internal = tmp_path / "dist" / "_internal"
    (internal / "pkg").mkdir(parents=True)
    (internal / "pkg" / "words.txt").write_text("word " * 10_000)
    (internal / "pkg" / "noise.so").write_bytes(NOISE)
    (internal / "libc.so.6").write_bytes(NOISE[:5000])
    whole = tmp_path / "whole.so"
    whole.write_bytes(NOISE * 3)
    executable = tmp_path / "dist" / "tiny"
    executable.write_bytes(NOISE[:10_000])
    contents = Contents(
        modules=(Row("json", "json.py", "PYMODULE"), Row("pkg", "pkg.py", "PYMODULE")),
        binaries=(Row("pkg/noise.so", str(whole), "EXTENSION"), Row("link.so", "pkg/noise.so", "SYMLINK")),
        data=(Row("pkg/words.txt", str(internal / "pkg" / "words.txt"), "DATA"),),
        archive={"json": Packed(3000, ""), "pkg": Packed(1000, "")},
        program={},
    )
    return contents, executable


def by_owner(rows: list[SizeRow]) -> dict[str, SizeRow]:
    """Return the rows by owner."""
    return {row["owner"]: row for row in rows}


def test_every_byte_has_an_owner(frozen: tuple[Contents, Path]) -> None:
    """Every byte of files and archived modules has an owner, and the rest belongs to the bootloader."""
    contents, executable = frozen
    found = by_owner(sizes.measure(contents, OWNERS, executable))
    assert {owner: (row["kind"], row["files"], row["bytes"]) for owner, row in found.items()} == {
        "bootloader": ("bootloader", 0, 6000),
        "C library": ("C library", 1, 5000),
        "interpreter": ("interpreter", 1, 3000),
        "pkg": ("distribution", 3, 1000 + 50_000 + 200_000),
    }
    tree = executable.parent
    assert sum(row["bytes"] for row in found.values()) == sum(
        file.stat().st_size for file in tree.rglob("*") if file.is_file()
    )
    assert found["pkg"]["in_file"] < 205_000  # the words are much smaller when compressed


def test_shares_add_up_to_the_file(frozen: tuple[Contents, Path]) -> None:
    """The launcher and all shares add up to the artifact, and a larger compressed part has a larger share."""
    contents, executable = frozen
    rows = sizes.measure(contents, OWNERS, executable)
    shared = sizes.in_artifact(rows, Payload(offset=300, size=100_000), 100_300)
    assert sum(row["in_file"] for row in shared) == pytest.approx(100_300, abs=len(shared))
    assert by_owner(shared)["launcher"]["in_file"] == 300
    assert by_owner(shared)["pkg"]["in_file"] > by_owner(shared)["C library"]["in_file"]


def test_other_layouts_have_no_launcher(frozen: tuple[Contents, Path]) -> None:
    """In a folder, shares are the plain sizes; in a one-file executable, they add up to the whole file."""
    contents, executable = frozen
    rows = sizes.measure(contents, OWNERS, executable)
    assert all(row["in_file"] == row["bytes"] for row in sizes.in_artifact(rows, Payload(), 0))
    whole = sizes.in_artifact(rows, Payload(), 50_000)
    assert "launcher" not in by_owner(whole)
    assert sum(row["in_file"] for row in whole) == pytest.approx(50_000, abs=len(whole))

"""Two folders exchange their places in one move, or stay where they are."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from onebin.exchange import exchange

if TYPE_CHECKING:
    from pathlib import Path


def test_folders_exchange_their_places(tmp_path: Path) -> None:
    """Each path has the other's content afterwards, or the caller is told that nothing was done."""
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    done = exchange(tmp_path / "old", tmp_path / "new")
    names = {name: next((tmp_path / name).iterdir()).name for name in ("old", "new")}
    assert names == ({"old": "new", "new": "old"} if done else {"old": "old", "new": "new"})
    if sys.platform == "linux":
        assert done


@pytest.mark.parametrize("missing", ["old", "new"])
def test_nothing_is_exchanged_for_nothing(tmp_path: Path, missing: str) -> None:
    """If one of the two is not there, the other stays."""
    kept = tmp_path / ("new" if missing == "old" else "old")
    kept.mkdir()
    assert not exchange(tmp_path / "old", tmp_path / "new")
    assert kept.is_dir()

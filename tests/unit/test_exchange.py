"""Two folders are exchanged atomically, or stay where they are."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from onebin.pack.artifact import Artifact
from onebin.system.atomic import exchange

if TYPE_CHECKING:
    from pathlib import Path


def test_folders_exchange_their_places(tmp_path: Path) -> None:
    """After an exchange each path has the other's content, or False is returned and nothing has changed."""
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    done = exchange(tmp_path / "old", tmp_path / "new")
    names = {name: next((tmp_path / name).iterdir()).name for name in ("old", "new")}
    assert names == ({"old": "new", "new": "old"} if done else {"old": "old", "new": "new"})
    if sys.platform == "linux":
        assert done


@pytest.mark.parametrize("missing", ["old", "new"])
def test_exchange_with_a_missing_folder_changes_nothing(tmp_path: Path, missing: str) -> None:
    """If one of the two folders is missing, nothing changes."""
    kept = tmp_path / ("new" if missing == "old" else "old")
    kept.mkdir()
    assert not exchange(tmp_path / "old", tmp_path / "new")
    assert kept.is_dir()


def test_published_folder_takes_the_place_of_its_predecessor(tmp_path: Path) -> None:
    """Publishing a folder replaces the old one, which is then at the path of the draft or removed.

    What is not on the card, such as bytecode that Python has written, is removed, and all files get one time.
    """
    draft, output = tmp_path / ".app.x.partial", tmp_path / "app"
    for folder, name in ((draft, "new"), (output, "old")):
        folder.mkdir()
        (folder / name).touch()
    for place in ("lib/x.py", "lib/__pycache__/x.pyc", "lib/y/__pycache__/y.pyc", "left"):
        (draft / place).parent.mkdir(parents=True, exist_ok=True)
        (draft / place).touch()
    (draft / "link").symlink_to("lib")
    facts: Any = {"files": [{"path": "lib/x.py"}, {"path": "link"}], "build": {"moment": 5}}
    Artifact(draft=draft, output=output, file=draft / "new", facts=facts, is_new=True).publish()
    published = sorted(output.rglob("*"))
    assert [file.relative_to(output).as_posix() for file in published] == ["lib", "lib/x.py", "link", "new"]
    assert {file.stat().st_mtime for file in (output, *published)} == {5}
    assert not draft.exists() or [file.name for file in draft.iterdir()] == ["old"]

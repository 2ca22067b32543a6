"""Two folders are exchanged atomically, or stay where they are."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from onebin.card import verify_onedir
from onebin.errors import ArtifactError
from onebin.pack.artifact import Artifact
from onebin.system.atomic import exchange
from support.facts import FACTS, SIDE_CARS

if TYPE_CHECKING:
    from pathlib import Path

    from onebin.card import Facts


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
    facts: Any = {"files": [{"path": "lib/x.py"}, {"path": "link"}], "build": {"moment": 5}, "side_cars": None}
    Artifact(draft=draft, output=output, file=draft / "new", facts=facts, is_new=True).publish()
    published = sorted(output.rglob("*"))
    assert [file.relative_to(output).as_posix() for file in published] == ["lib", "lib/x.py", "link", "new"]
    assert {file.stat().st_mtime for file in (output, *published)} == {5}
    assert not draft.exists() or [file.name for file in draft.iterdir()] == ["old"]


def test_side_cars_in_a_folder_are_kept_and_are_no_part_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new folder gets the directory of the old one; it is not damaged by that, nor by what was unpacked."""
    output = tmp_path / "output"
    facts: Facts = {**FACTS, "side_cars": SIDE_CARS, "files": []}
    for number in range(4):
        if number == 2:
            monkeypatch.setattr("onebin.pack.artifact.exchange", lambda *_: False)
        draft = tmp_path / f"draft-{number}"
        draft.mkdir()
        (draft / "x").write_text(str(number))
        Artifact(draft=draft, output=output, file=draft / "x", facts=facts, is_new=True).publish()
        assert (output / "x").read_text() == str(number)
        if number == 0:
            (output / "x.plugins").mkdir()
            (output / "x.plugins" / "pear.obplugin").write_text("pear")
        assert (output / "x.plugins" / "pear.obplugin").read_text() == "pear"
    (output / "side-cars" / "digest").mkdir(parents=True)
    (output / "side-cars" / "digest" / "pear.py").write_text("")
    assert verify_onedir(output / "x", facts) == {}
    with pytest.raises(ArtifactError, match="does not belong to it"):
        verify_onedir(output / "x", {**facts, "side_cars": None})

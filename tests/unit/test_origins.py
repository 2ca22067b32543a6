"""Whose a staged file is: it is shown in the user's own project, or without the stage's folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from onebin.survey import Survey, owner_of, project_of, shown_place
from support.builders import SITE_PACKAGES, distribution, survey

PLUG = distribution("plug", modules=["plug", "plug.part"])
OTHER = distribution("other", modules=["other"])


def bundle(project: Path) -> Survey:
    """Return the survey of a bundle in which plug was built from a project, and other comes from an index."""
    made = survey(distribution("demo", modules=["demo"]), PLUG, OTHER)
    packages = (replace(each, path=project) if each.name == "plug" else each for each in made.lock.packages)
    stage = replace(made.stage, lock=replace(made.lock, packages=tuple(packages)))
    return replace(made, stage=stage)


@pytest.mark.parametrize("folder", ["src", ".", "python"])
def test_file_of_a_project_is_shown_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str) -> None:
    """A file is found in the project, wherever that keeps its packages; its line stays."""
    file = tmp_path / "mine" / folder / "plug" / "part.py"
    file.parent.mkdir(parents=True)
    file.touch()
    monkeypatch.chdir(tmp_path)
    made = bundle(tmp_path / "mine")
    place = f"{SITE_PACKAGES.absolute() / 'plug' / 'part.py'}:3"
    assert owner_of(place, made) == "plug"
    assert project_of("plug", made) == tmp_path / "mine"
    assert Path(shown_place(place, made).removesuffix(":3")).resolve() == file


def test_other_files_are_shown_without_the_stage(tmp_path: Path) -> None:
    """A file of a package from an index, or one that the project no longer has, is shown as it is imported."""
    made = bundle(tmp_path)
    for name, owner in (("other.py", "other"), ("plug/part.py", "plug"), ("gone.py", None)):
        place = f"{SITE_PACKAGES.absolute() / name}:7"
        assert (shown_place(place, made), owner_of(place, made)) == (f"{name}:7", owner)
    assert project_of("other", made) is None


def test_file_outside_of_the_stage_is_shown_as_it_is(tmp_path: Path) -> None:
    """A file of the standard library, for example, keeps its path."""
    place = "/usr/lib/python3.12/ast.py:50"
    assert (shown_place(place, bundle(tmp_path)), owner_of(place, bundle(tmp_path))) == (place, None)

"""Reading an artifact: the shapes of what is printed, and how lines are laid out."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import pytest

from onebin.card import file as card, inspect, report
from onebin.card.difference import schema as diff_schema
from onebin.cli import page
from onebin.cli.artifact import views
from onebin.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LONG = "word " * 40


@pytest.mark.parametrize(
    ("file", "schema"),
    [("inspect.schema.json", report.schema), ("diff.schema.json", diff_schema)],
    ids=["inspect", "diff"],
)
def test_shipped_schemas_are_current(file: str, schema: Callable[[], dict[str, Any]]) -> None:
    """`make schema` has been run since the shapes changed."""
    assert json.loads(files("onebin.card").joinpath(file).read_text("utf-8")) == schema()


@pytest.mark.parametrize("names", [(), ("a", "b")], ids=["none", "two"])
def test_folder_has_one_artifact(tmp_path: Path, names: tuple[str, ...]) -> None:
    """A folder in which no file has a card, or more than one, is none of the layout onedir."""
    for name in names:
        (tmp_path / name).write_bytes(b"x" * 500 + card.MAGIC)
    (tmp_path / "other").write_text("x")
    (tmp_path / "empty").write_bytes(b"")
    with pytest.raises(ArtifactError, match=r"contains (no|more than one) artifact"):
        inspect(tmp_path)


def test_artifact_in_a_folder_is_found(tmp_path: Path) -> None:
    """Of the files in a folder, the one with a card is the artifact, whatever the folder is called."""
    (tmp_path / "run").write_bytes(b"x" * 500 + card.MAGIC)
    (tmp_path / "README").write_text("read me")
    assert card.located(tmp_path) == tmp_path / "run"
    assert card.located(tmp_path / "README") == tmp_path / "README"


def test_lines_are_wrapped_below_their_text() -> None:
    """A long text goes on below itself within 80 columns; a word that is too long for any line stays whole."""
    lines = page.field("label", LONG).split("\n")
    assert max(map(len, lines)) <= 80
    assert len({len(line) - len(line.lstrip()) for line in lines[1:]}) == 1
    assert page.field("label", "x" * 200).split("\n")[0].strip() in {"label", f"label        {'x' * 200}"}


def test_columns_are_aligned() -> None:
    """Each column but the last is as wide as its widest cell; control characters are gone before that is measured."""
    assert page.table([("a", "1", "one"), ("long\x1b[1m", "22", "two")]) == [
        "  a         1   one",
        "  long?[1m  22  two",
    ]
    assert page.table([]) == []


@pytest.mark.parametrize(("size", "text"), [(0, "0.0 kB"), (12_345, "12.3 kB"), (123_456, "0.1 MB"), (5e6, "5.0 MB")])
def test_sizes_for_people(size: int, text: str) -> None:
    """A size has one decimal, in kB or MB."""
    assert views.megabytes(size) == text

"""Reading an artifact: the schemas of the output, and the layout of its lines."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import click
import pytest

from onebin.card import file as card, inspect, report
from onebin.card.difference import schema as diff_schema
from onebin.cli import page
from onebin.errors import ArtifactError
from onebin.pipeline.failure import schema as failure_schema
from onebin.sidecar.report import schema as side_car_schema
from onebin.system import megabytes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LONG = "word " * 40


@pytest.mark.parametrize(
    ("file", "schema"),
    [
        ("card/inspect.schema.json", report.schema),
        ("card/diff.schema.json", diff_schema),
        ("pipeline/failure.schema.json", failure_schema),
        ("sidecar/side-car.schema.json", side_car_schema),
    ],
    ids=["inspect", "diff", "failure", "side-car"],
)
def test_shipped_schemas_are_current(file: str, schema: Callable[[], dict[str, Any]]) -> None:
    """The shipped schemas match the code, so `make schema` has been run."""
    assert json.loads(files("onebin").joinpath(file).read_text("utf-8")) == schema()


@pytest.mark.parametrize("names", [(), ("a", "b")], ids=["none", "two"])
def test_folder_with_no_or_two_artifacts_is_refused(tmp_path: Path, names: tuple[str, ...]) -> None:
    """A folder is refused unless exactly one of its files has a card."""
    for name in names:
        (tmp_path / name).write_bytes(b"x" * 500 + card.MAGIC)
    (tmp_path / "other").write_text("x")
    (tmp_path / "empty").write_bytes(b"")
    with pytest.raises(ArtifactError, match=r"contains (no|more than one) artifact"):
        inspect(tmp_path)


def test_artifact_in_a_folder_is_found(tmp_path: Path) -> None:
    """The artifact in a folder is the file with a card, whatever its name is."""
    (tmp_path / "run").write_bytes(b"x" * 500 + card.MAGIC)
    (tmp_path / "README").write_text("read me")
    assert card.located(tmp_path) == tmp_path / "run"
    assert card.located(tmp_path / "README") == tmp_path / "README"


def test_lines_are_wrapped_below_their_text() -> None:
    """A long text is wrapped at 80 columns and indented; a word longer than a line is not split."""
    lines = page.field("label", LONG).split("\n")
    assert max(map(len, lines)) <= 80
    assert len({len(line) - len(line.lstrip()) for line in lines[1:]}) == 1
    assert page.field("label", "x" * 200).split("\n")[0].strip() in {"label", f"label        {'x' * 200}"}


def test_columns_are_aligned() -> None:
    """Each column but the last is as wide as its widest cell after control characters are replaced."""
    assert page.table([("a", "1", "one"), ("long\x1b[1m", "22", "two")]) == [
        "  a         1   one",
        "  long?[1m  22  two",
    ]
    assert page.table([]) == []


def test_records_without_room_are_stacked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table whose last column has no room becomes one field below the other; empty cells are left out."""
    titles, rows = ("plugin", "wanted", "what"), [("a", ">=1", "one two three"), ("longer-name", "", "four")]
    assert page.records(titles, rows)[1] == "a            >=1     one two three"
    monkeypatch.setattr(page, "width", lambda: 40)
    assert [click.unstyle(line) for line in page.records(titles, rows)] == [
        "a",
        "  wanted       >=1",
        "  what         one two three",
        "longer-name",
        "  what         four",
    ]


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 B"), (999, "999 B"), (12_345, "12.3 kB"), (123_456, "0.1 MB"), (5e6, "5.0 MB")]
)
def test_sizes_are_shown_in_bytes_kilobytes_or_megabytes(size: int, text: str) -> None:
    """Sizes are shown with one decimal, in kB or MB; below 1 kB, in bytes."""
    assert megabytes(size) == text

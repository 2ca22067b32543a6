"""What an interpreter says of itself."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from packaging.markers import default_environment

from onebin.errors import InterpreterError
from onebin.python import find
from onebin.python.interpreter import ask


def test_markers_are_those_that_packaging_would_use() -> None:
    """The interpreter that runs onebin answers with the same values as packaging, which runs in it."""
    assert ask(Path(sys.executable)).markers == default_environment()


@pytest.mark.parametrize("version", ["3.10", "3.11", "3.12", "3.13"])
def test_markers_are_those_of_the_interpreter(tmp_path: Path, version: str) -> None:
    """Markers have the version of the interpreter that is asked, and not of the one that asks."""
    try:
        python = find(version, tmp_path)
    except InterpreterError as error:
        pytest.skip(str(error))
    assert python.markers["python_version"] == version == python.minor
    assert python.markers["python_full_version"] == python.version
    assert python.markers["implementation_version"] == python.version

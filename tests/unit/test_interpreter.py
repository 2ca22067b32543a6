"""What an interpreter reports about itself."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest
from packaging.markers import default_environment

from onebin.errors import InterpreterError
from onebin.python import find
from onebin.python.discovery import ask


def test_markers_have_the_same_values_as_in_packaging() -> None:
    """For the interpreter that runs onebin, markers have the same values as in packaging."""
    assert ask(Path(sys.executable)).markers == default_environment()


@pytest.mark.parametrize("version", ["3.10", "3.11", "3.12", "3.13"])
def test_markers_are_those_of_the_queried_interpreter(tmp_path: Path, version: str) -> None:
    """Markers are those of the queried interpreter, not of the one that runs onebin."""
    try:
        python = find(version, tmp_path)
    except InterpreterError as error:
        pytest.skip(str(error))
    assert python.markers["python_version"] == version == python.minor
    assert python.markers["python_full_version"] == python.version
    assert python.markers["implementation_version"] == python.version


def test_version_of_the_running_interpreter_means_that_one(tmp_path: Path) -> None:
    """Another installation of the same version, such as the system's, comes after the Python that runs onebin."""
    own = ask(Path(sys.executable))
    for wanted in (own.minor, own.version):
        assert find(wanted, tmp_path).executable == own.executable
    assert find(f"{own.prefix}/bin/python{own.minor}", tmp_path).executable == own.executable


def test_modules_of_the_standard_library_are_known_with_their_files() -> None:
    """Every module that has a file is known by its name: packages, extension modules, and parts that bundles omit."""
    python = ask(Path(sys.executable))
    for name in ("json", "json.decoder", "tkinter", "ensurepip", "test", "encodings.idna"):
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert python.standard_library[name] == Path(str(spec.origin))
    unknown = {"sys", "site-packages", "pytest", "LICENSE"} | {f"json.__pycache__.{each}" for each in ("decoder",)}
    assert not unknown & python.standard_library.keys()
    assert {"_json", "_ssl"} <= python.standard_library.keys()

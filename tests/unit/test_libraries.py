"""The system's tools are asked once about the interpreter's extension modules, and each time about other files."""

from __future__ import annotations

import sys
import sysconfig
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from onebin.freeze.driver.analysis.analyses import Places
from onebin.freeze.driver.analysis.libraries import Libraries
from onebin.freeze.driver.analysis.scans import Scans
from onebin.freeze.driver.patches import PatchError, PyInstaller

if TYPE_CHECKING:
    from pathlib import Path

OWN = f"{sysconfig.get_path('stdlib', vars={'installed_base': sys.base_prefix})}/lib-dynload/_own.so"
# In the place of PyInstaller's module: `asked` lists the questions.
BINDEPEND = """
asked, library = [], None
def get_imports(filename, search_paths=None):
    asked.append(("needs", filename))
    return {("libfar.so.1", library)}
def classify_binary_vs_data(filename):
    asked.append(("kind", filename))
    return "BINARY"
"""


class Machine:
    """A system with one library and a list of libraries, and a folder for what is kept."""

    def __init__(self, folder: Path) -> None:
        self.library, self.listed, self.stage = folder / "libfar.so.1", folder / "ld.so.cache", folder / "stage"
        self._kept = folder / "kept"
        self.library.touch()
        self.listed.write_text("libfar.so.1", "utf-8")

    def build(self, file: str = OWN, library: Path | None = None) -> list[str]:
        """Ask about a file as a build does, and return which questions the tools were asked."""
        bindepend: Any = ModuleType("bindepend")
        exec(BINDEPEND, vars(bindepend))  # noqa: S102  # the text above
        bindepend.library = str(library or self.library)
        places = Places({"stage": str(self.stage)}, ())
        Libraries(Scans(str(self._kept)), places, str(self.listed)).remember_for(bindepend, PyInstaller("6.22.3", ""))
        assert bindepend.get_imports(file) == {("libfar.so.1", bindepend.library)}
        assert bindepend.classify_binary_vs_data(file) == "BINARY"
        return [question for question, _ in bindepend.asked]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Return a system on which nothing was asked yet."""
    return Machine(tmp_path)


def test_second_build_does_not_ask_about_the_interpreters_modules(machine: Machine) -> None:
    """The answers about a module of the standard library are kept."""
    assert machine.build() == ["needs", "kind"]
    assert machine.build() == []


def test_other_files_are_asked_about_each_time(machine: Machine) -> None:
    """A file of the stage can be another one in the next build."""
    for _ in range(2):
        assert machine.build(file=str(machine.stage / "other.so")) == ["needs", "kind"]


def test_answers_are_asked_for_again_when_the_system_changes(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another list of libraries, another search path, or a library that is gone makes the answers void."""
    machine.build()
    machine.listed.write_text("libfar.so.1 and more", "utf-8")
    assert machine.build() == ["needs", "kind"]
    monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/lib")
    assert machine.build() == ["needs", "kind"]
    machine.library.rename(tmp_path / "elsewhere.so")
    assert machine.build(library=tmp_path / "elsewhere.so") == ["needs"]


def test_library_in_a_folder_of_the_build_is_not_kept(machine: Machine) -> None:
    """A library that was found in the stage has another path in the next build."""
    machine.stage.mkdir()
    found = machine.stage / "libfar.so.1"
    found.touch()
    assert machine.build(library=found) == ["needs", "kind"]
    assert machine.build(library=found) == ["needs"]


def test_other_parameters_are_an_error(machine: Machine) -> None:
    """A PyInstaller whose functions take something else is not patched."""
    bindepend = ModuleType("bindepend")
    exec("def get_imports(path): pass", vars(bindepend))  # noqa: S102  # as above
    patched = Libraries(Scans(""), Places({"stage": ""}, ()), str(machine.listed))
    with pytest.raises(PatchError, match="get_imports"):
        patched.remember_for(bindepend, PyInstaller("6.22.3", ">=6"))

"""Hooks that wait for a module run once, when it is first imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src"

# An action that imports the module that it waited for by its dotted name, as run-time hooks do.
PROGRAM = """
import sys
sys.path[:0] = [{source!r}, {folder!r}]
from onebin_runtime._late import install
def action():
    import package.part
    package.part.patched.append(1)
install({{"package.part": [action]}})
{statement}
import package.part
print(package.part.patched, type(package.part.__loader__).__name__)
"""


@pytest.mark.parametrize("statement", ["import package", "import package.part", "from package import part"])
def test_action_can_access_its_module_while_the_package_is_imported(tmp_path: Path, statement: str) -> None:
    """When the action runs, the package already has the submodule as an attribute; the action runs once."""
    package = tmp_path / "package"
    package.mkdir()
    package.joinpath("__init__.py").write_text("from package.part import patched\n", "utf-8")
    package.joinpath("part.py").write_text("patched = []\n", "utf-8")
    program = PROGRAM.format(source=str(SOURCE), folder=str(tmp_path), statement=statement)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout.split("\n")[0] == "[1] SourceFileLoader", done.stderr


PREPARATION = """
import os, sys
sys.path[:0] = [{source!r}, {folder!r}]
from onebin_runtime._late import install
install({{}}, {{"reader": [lambda: os.environ.__setitem__("ONLY_FOR_READER", "1")]}})
import json
print("ONLY_FOR_READER" in os.environ)
import reader
print(reader.SEEN)
"""


def test_preparation_runs_just_before_its_module(tmp_path: Path) -> None:
    """A variable that a module reads at import is set just before; earlier, child processes would inherit it."""
    tmp_path.joinpath("reader.py").write_text("import os\nSEEN = os.environ.get('ONLY_FOR_READER')\n", "utf-8")
    program = PREPARATION.format(source=str(SOURCE), folder=str(tmp_path))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout.split() == ["False", "1"], done.stderr

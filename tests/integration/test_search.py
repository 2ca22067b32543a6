"""The quick search of sources finds what PyInstaller's own does."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from onebin.system.resources import driver_dir

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

pytestmark = pytest.mark.network

# Both searches of every 24th source of a Python's library: how many there were, how many imports, which differ.
COMPARISON = """
import ast, json, pathlib, runpy, sys, sysconfig

sys.path.insert(0, sys.argv[1])
import PyInstaller
from PyInstaller.lib.modulegraph import modulegraph

graph = modulegraph.ModuleGraph(path=[])

def searched():
    found = {}
    for file in sorted(pathlib.Path(sysconfig.get_path("stdlib")).rglob("*.py"))[::24]:
        try:
            tree = ast.parse(file.read_bytes())
            code = compile(tree, str(file), "exec", dont_inherit=True)
        except (SyntaxError, ValueError):
            continue
        node = modulegraph.SourceModule("a.b")
        graph._scan_code(node, code, tree)
        imports = [(star, *named[:1], *named[2:], repr(more)) for star, named, more in node._deferred_imports]
        without_tree = modulegraph.SourceModule("a.b")
        graph._scan_code(without_tree, code)
        found[str(file)] = imports, sorted(node._global_attr_names), len(without_tree._deferred_imports)
    return found

driver = pathlib.Path(sys.argv[2])
pyinstaller = runpy.run_path(driver / "patches.py")["PyInstaller"](PyInstaller.__version__, "")
before = searched()
runpy.run_path(driver / "search.py")["hasten"](modulegraph, pyinstaller)
after = searched()
imports = sum(len(found[0]) for found in before.values())
print(json.dumps([len(before), imports, [file for file in before if before[file] != after[file]]]))
"""


def test_the_quick_search_finds_what_pyinstaller_finds(built: Path, interpreters: Mapping[str, Path]) -> None:
    """In sources of each Python's library: the same imports in the same order, the same global names."""
    (tools,) = (built.parents[2] / "cache" / "toolchains").glob("*/packages")
    for minor, python in interpreters.items():
        command: list[str | Path] = [python, "-s", "-c", COMPARISON, tools, driver_dir()]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        sources, imports, different = json.loads(done.stdout)
        assert sources > 20, minor
        assert imports > 100, minor
        assert different == [], minor

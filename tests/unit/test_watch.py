"""File reads are recorded in this process and in PyInstaller's children; unobservable processes are noticed."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from onebin.system.paths import driver_dir

if TYPE_CHECKING:
    from pathlib import Path

# Run some lines under a watch, with a stand-in for the only module of PyInstaller that it uses; print what it saw.
WATCHED = """
import json, os, pathlib, runpy, subprocess, sys, types

driver, here = map(pathlib.Path, sys.argv[1:3])
parent = types.ModuleType("PyInstaller.isolated._parent")
exec("def child(read_from_parent, write_to_parent): return CHILD_PY", vars(parent))
parent.CHILD_PY = here / "child.py"
pyinstaller = runpy.run_path(str(driver / "patches.py"))["PyInstaller"]("6.22.3", "")
watch = runpy.run_path(str(driver / "analysis" / "watch.py"))["Watch"](here / "log", parent, pyinstaller)
with watch:
    exec(sys.argv[3])
names = [sorted(pathlib.Path(path).name for path in seen) for seen in (watch.opened, watch.opened_elsewhere)]
print(json.dumps([*names, watch.is_blind, parent.CHILD_PY.name]))
"""
CHILD = "subprocess.run([sys.executable, '-S', str(parent.CHILD_PY)], check=True)"


@pytest.mark.parametrize(
    ("line", "here", "elsewhere", "is_blind"),
    [
        ("(here / 'a.txt').read_text(); (here / 'a.txt').read_text()", "a.txt", None, False),
        ("(here / 'new.txt').write_text('')", None, None, False),
        ("os.close(os.open(here / 'a.txt', os.O_RDONLY))", "a.txt", None, False),
        (CHILD, None, "a.txt", False),
        ("subprocess.run(['ldd', '--version'], capture_output=True)", None, None, False),
        ("subprocess.run([sys.executable, '-c', ''], check=True)", None, None, True),
        ("subprocess.run('true', shell=True)", None, None, True),
        ("os.system('true; ldd')", None, None, True),
    ],
)
def test_files_that_are_read_are_recorded(
    tmp_path: Path, line: str, here: str | None, elsewhere: str | None, is_blind: bool
) -> None:
    """Files read here and in PyInstaller's children are recorded; other programs make the watch blind."""
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "child.py").write_text("import pathlib\npathlib.Path(__file__).with_name('a.txt').read_text()\n")
    command: list[str | Path] = [sys.executable, "-c", WATCHED, driver_dir(), tmp_path, line]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    opened, by_children, blind, child = json.loads(done.stdout)
    assert [name for name in opened if name.endswith(".txt")] == ([here] if here else [])
    assert [name for name in by_children if name.endswith(".txt")] == ([elsewhere] if elsewhere else [])
    assert (blind, child) == (is_blind, "child.py")

"""Code without columns is what Python itself makes of it when it is told to have none."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from onebin.system.paths import driver_dir

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# Prints the tables and the lines of all code in some modules, and whether any of it has columns. The argument removes
# them.
TABLES = """
import os, runpy, sys

forget = runpy.run_path(sys.argv[1])["forget"] if sys.argv[1:] else lambda code: code

def show(code):
    global has_columns
    print(code.co_name, code.co_linetable.hex(), [line for *_, line in code.co_lines()])
    if sys.version_info >= (3, 11):
        has_columns |= any(column is not None for *_, column, _ in code.co_positions())
    for each in code.co_consts:
        if isinstance(each, type(code)):
            show(each)

has_columns = False
for name in ("typing", "argparse", "enum", "dataclasses", "asyncio/base_events", "encodings/idna", "xml/__init__"):
    with open(os.path.join(os.path.dirname(os.__file__), name + ".py"), "rb") as stream:
        show(forget(compile(stream.read(), name, "exec", dont_inherit=True)))
print(has_columns)
"""


def _tables(python: Path, *words: str, columns: bool = True) -> list[str]:
    options = [] if columns else ["-X", "no_debug_ranges"]
    command = [str(python), *options, "-c", TABLES, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_code_without_columns_is_as_python_makes_it(interpreters: Mapping[str, Path]) -> None:
    """For each version of Python, the tables have the bytes that `-X no_debug_ranges` gives, and the same lines."""
    for minor, python in interpreters.items():
        whole = _tables(python)
        assert (whole.pop() == "True") is (minor != "3.10"), minor
        without = _tables(python, str(driver_dir() / "tree" / "columns.py"))
        assert without.pop() == "False", minor
        assert without == _tables(python, columns=False)[:-1], minor
        assert [row.partition("[")[2] for row in without] == [row.partition("[")[2] for row in whole], minor

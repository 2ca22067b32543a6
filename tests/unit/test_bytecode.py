"""Marshalling code gives the same bytes whatever else is in memory."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

from onebin.system.paths import driver_dir

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# The digests of a module's unmarshalled code: alone, and while another module shares names and constants with it.
BOTH = """
import hashlib, json, marshal, runpy, sys

if sys.argv[1:]:
    runpy.run_path(sys.argv[1])["steady"]()

SOURCE = '''
def orchard(apple, pear=("quince", frozenset(("medlar", "plum")))):
    return {"apple_tree": apple.pear_tree, "rows": [lambda damson: damson + apple]}
'''
code = marshal.loads(marshal.dumps(compile(SOURCE, "orchard.py", "exec")))
alone = hashlib.sha256(marshal.dumps(code)).hexdigest()
other = marshal.loads(marshal.dumps(compile(SOURCE.replace("rows", "columns"), "other.py", "exec")))
print(json.dumps([alone, hashlib.sha256(marshal.dumps(code)).hexdigest()]))
"""


def _marshalled(python: Path, *arguments: str) -> list[str]:
    done = subprocess.run([python, "-c", BOTH, *arguments], capture_output=True, text=True, check=True)
    digests: list[str] = json.loads(done.stdout)
    return digests


def test_marshalled_code_does_not_depend_on_other_code_in_memory(interpreters: Mapping[str, Path]) -> None:
    """Marshalled code is the same whatever else is in memory, which `marshal` guarantees only since Python 3.11."""
    for minor, python in interpreters.items():
        alone, beside = _marshalled(python, str(driver_dir() / "bytecode.py"))
        assert alone == beside, minor
        alone, beside = _marshalled(python)
        assert (alone == beside) is (minor != "3.10"), minor

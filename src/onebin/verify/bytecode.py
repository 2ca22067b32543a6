"""Check the bytecode that Python has written into a folder: it must be what its sources compile to.

Python writes it when a module is first imported, and from then on runs it instead of the source.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from onebin.errors import ArtifactError, ProcessError
from onebin.system import bare_environment, display, run

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_SHOWN = 5
# Prints the bytecode files that differ from what their sources compile to. It runs under the folder's own interpreter,
# whose files were compared with the card before.
_COMPARISON = """
import importlib.util, json, marshal, re, sys

def is_same(bytecode, source):
    with open(bytecode, "rb") as file:
        content = file.read()
    level = re.search(r"\\.opt-([12])\\.pyc$", bytecode)
    with open(source, "rb") as file:
        expected = compile(file.read(), source, "exec", dont_inherit=True, optimize=int(level[1]) if level else 0)
    return content[:4] == importlib.util.MAGIC_NUMBER and marshal.loads(content[16:]) == expected

wrong = []
for bytecode, source in json.load(sys.stdin):
    try:
        same = is_same(bytecode, source)
    except Exception:
        same = False
    if not same:
        wrong.append(bytecode)
print(json.dumps(wrong))
"""


def check_bytecode(python: Path, found: Mapping[Path, Path]) -> None:
    """Raise ArtifactError if bytecode files, each given with its source, are not what these compile to."""
    if not found:
        return
    question = json.dumps([[str(file), str(source)] for file, source in found.items()])
    try:
        done = run([python, "-I", "-S", "-B", "-c", _COMPARISON], env=bare_environment(), stdin=question, timeout=300)
        wrong = [str(file) for file in json.loads(done.stdout)]
    except (ProcessError, ValueError):
        wrong = [str(file) for file in found]
    if wrong:
        more = f", and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        where = display(python.parent.parent)
        raise ArtifactError(
            f"{where} is damaged: this bytecode is not that of its source: {', '.join(wrong[:_SHOWN])}{more}",
            "do not run it; fetch it or build it again",
        )

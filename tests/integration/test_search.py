"""The quick search of sources finds what PyInstaller's own does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from onebin.system.paths import driver_dir
from support.processes import succeed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

pytestmark = [pytest.mark.network, pytest.mark.soak]

# Both searches of a Python's library: how many sources there were, how many imports, which sources differ.
COMPARISON = """
import ast, json, pathlib, runpy, sys, sysconfig

sys.path.insert(0, sys.argv[1])
import PyInstaller
from PyInstaller.lib.modulegraph import modulegraph

graph = modulegraph.ModuleGraph(path=[])

is_whole, unusual = sys.argv[3] == "whole", pathlib.Path(sys.argv[4])
library = sorted(pathlib.Path(sysconfig.get_path("stdlib")).rglob("*.py"))
usual = [file for file in library if {"site-packages", "test", "tests"}.isdisjoint(file.parts)]
files = [*(library if is_whole else usual[::8]), *sorted(unusual.glob("*.py"))]

def searched():
    found = {}
    for file in files:
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
runpy.run_path(driver / "analysis" / "search.py")["hasten"](modulegraph, pyinstaller)
after = searched()
imports = sum(len(found[0]) for found in before.values())
print(json.dumps([len(before), imports, [file for file in before if before[file] != after[file]]]))
"""


# Statements that few sources have. What a Python cannot parse, it skips.
UNUSUAL = {
    "names": """
from os.path import *
from . import a as b, c
from .. import *
import x.y.z, x.y as w
global_one = 1
def outer():
    global made, deleted
    import inner.module
    made = deleted = [walrus := each for each in ()]
    del deleted, global_one
    class Local:
        from local import name as other
        def method(self):
            nonlocal_ = lambda: made
            global made_by_method
            made_by_method = 1
class Public:
    from of_class import attribute
    import of.the_class
    del attribute
(one, *rest), [two] = (1, 2), [3]
for target in (): import looped
else: import after_loop
with open as file, open as (left, right): import within
annotated: int = 1
only_annotated: str
augmented = 0
augmented += 1
del (one, rest)
[listed for listed in ()]
(bound := 2)
if global_one: import conditional
elif bound: from conditional import second
else: import third
while global_one: import repeated
""",
    "exceptions": """
try:
    import tried
except ImportError as error:
    import instead
except (OSError, ValueError):
    from instead import other
else:
    import when_found
finally:
    import always
""",
    "asynchronous": """
async def work():
    async with a as b: import within
    async for c in d: import looped
    return [e async for e in f]
""",
    "matching": """
match subject:
    case {"key": value, **others}: import matched
    case [first, *more] | Kind(first, more=more): from matched import first as second
    case _ as anything: import otherwise
""",
    "groups": "try: pass\nexcept* OSError as group: import grouped\n",
    "types": "type Alias[T] = list[T]\ndef generic[T: int](value: T): import within\nclass Box[T]: import boxed\n",
    "future": "from __future__ import annotations\nimport later\n",
    "many": "".join(f"name_{number} = {number}\n" for number in range(300)) + "import last\n",
}


def _number(minor: str) -> tuple[int, ...]:
    return tuple(map(int, minor.split(".")))


def test_quick_search_finds_what_pyinstaller_finds(
    built: Path, interpreters: Mapping[str, Path], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """In sources of the oldest and the newest library, both find the same imports in one order, and the same names.

    The sources are a sample and some with unusual statements; with --soak, all that lies below the library of each.
    """
    part = "whole" if request.config.getoption("--soak") else "sample"
    for name, source in UNUSUAL.items():
        tmp_path.joinpath(f"{name}.py").write_text(source, "utf-8")
    (tools,) = (built.parents[2] / "cache" / "toolchains").glob("*/packages")
    minors = interpreters if part == "whole" else {min(interpreters, key=_number), max(interpreters, key=_number)}
    for minor in minors:
        done = succeed([interpreters[minor], "-s", "-c", COMPARISON, tools, driver_dir(), part, tmp_path])
        sources, imports, different = json.loads(done.out)
        assert sources > 20, minor
        assert imports > 100, minor
        assert different == [], minor

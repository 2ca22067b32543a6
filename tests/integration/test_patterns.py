"""Regular expressions from code.bin are the same objects that re makes, with the same warnings and errors."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from onebin.freeze.driver.tree.patterns import found_in
from support.trees import finish_with, write_code

if TYPE_CHECKING:
    from pathlib import Path

    from support.trees import Tree

COMPILER = "import re, sys\nit = sys.modules.get('re._compiler') or sys.modules['sre_compile']\n"

# Compares each pattern in a file with what re's own function makes. That must not be asked for the one in the archive.
COMPARED = """
import json
with open({file!r}) as stream:
    wanted = [(text if kind == "str" else text.encode("latin-1"), flags) for kind, text, flags in json.load(stream)]
original, _ = it.compile.__self__
parse, missed = it.sre_parse.parse if hasattr(it, "sre_parse") else it._parser.parse, []
def counted(*given):
    missed.append(given)
    return parse(*given)
vars(it).get("sre_parse", vars(it).get("_parser")).parse = counted
found = [it.compile(*each) for each in wanted]
asked = len(missed)
def seen(pattern):
    names = list(pattern.groupindex.items())
    return [type(pattern), pattern.pattern, pattern.flags, pattern.groups, names, repr(pattern)]
for each, pattern in zip(wanted, found):
    other = original(*each)
    assert pattern == other and seen(pattern) == seen(other), each
print(json.dumps([len(wanted), asked]))
"""


def test_every_pattern_is_what_re_makes_of_it(tree: Tree, tmp_path: Path) -> None:
    """Each pattern in the sources of the standard library equals re's, and is made without compiling anything."""
    made = found_in(file.read_bytes() for file in tree.library.rglob("*.py"))
    rows = [
        ("str", text, flags) if isinstance(text, str) else ("bytes", text.decode("latin-1"), flags)
        for text, flags in sorted(made, key=repr)
    ]
    file = tmp_path / "patterns"
    file.write_text(json.dumps(rows), "utf-8")
    count, asked = json.loads(tree.program("exec", COMPILER + COMPARED.format(file=str(file))).stdout)
    assert count > 200
    # This Python may find some that the tree's does not, in sources that are not valid there.
    assert asked < count / 10


@pytest.mark.parametrize(
    "code",
    [
        "re.compile('[[a]')",
        "re.compile('a(?i)')",
        "re.compile('(')",
        "re.compile('a' * 5, re.DEBUG)",
        "re.compile('a', 1)",
        "re.compile(b'a', re.U)",
        "re.compile(5)",
        "re.compile(['a'])",
        "re.compile('a', 'b')",
        "re.compile('a', -1)",
        "re.compile('a', 2**70)",
        "re.compile('\\ud800')",
        "re.compile('(?P<a>b)').groupindex['c'] = 1",
        "print(re.compile('\\\\s+').sub('-', 'a  b'), re.compile(b'x').fullmatch(b'x'))",
        "print(re.match(r'(?P<name>\\w+)', 'größe', re.I).groupdict())",
        "class T(str): pass\nprint(re.compile(T('a')))",
        "print(it.compile('a'), it.compile(p='a', flags=2))",
        "it.compile()",
        "re.purge(); print(re.compile('a') is re.compile('a'))",
        "import copy, pickle\na = re.compile(r'(\\d+)')\nprint(copy.copy(a) is a, pickle.loads(pickle.dumps(a)) == a)",
        "import importlib\nimportlib.reload(it); print(re.compile('a+'))",
        "import string, textwrap, tokenize; print(string.Template('$a').substitute(a=1), textwrap.dedent(' a'))",
    ],
)
def test_results_warnings_and_errors_are_those_of_re(tree: Tree, venv: Path, code: str) -> None:
    """Whatever a program gives to re, it gets the same result, the same warnings and the same errors."""
    code = f"import warnings\nwarnings.simplefilter('always')\n{COMPILER}{code}"
    expected = finish_with([venv / "bin" / "greet", "exec", code])
    found = finish_with([tree.python, tree.artifact, "exec", code])
    assert (found.returncode, found.stdout) == (expected.returncode, expected.stdout)
    assert _without_paths(found.stderr) == _without_paths(expected.stderr)


def _without_paths(text: str) -> list[str]:
    lines = (line for line in text.splitlines() if not line.startswith("  File "))
    return [line[line.rfind("/") + 1 :] if line.startswith("/") else line for line in lines]


def test_manifest_turns_it_off(changeable: Tree) -> None:
    """Without patterns in code.bin, re is as it is; the module's functions are its own."""
    code = f"{COMPILER}print(type(it.compile).__name__)"
    assert changeable.program("exec", code).stdout == "builtin_function_or_method\n"
    write_code(changeable, patterns=False)
    assert changeable.program("exec", code).stdout == "function\n"


def test_interpreter_takes_them_too(tree: Tree) -> None:
    """Children that the program starts with its interpreter get the same patterns."""
    said = tree.run("-c", f"{COMPILER}print(type(it.compile).__name__, re.compile('a').match('a').span())").stdout
    assert said == "builtin_function_or_method (0, 1)\n"

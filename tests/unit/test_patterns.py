"""The regular expressions of sources: which are found, and what is made of them."""

from __future__ import annotations

import re
import struct
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from onebin.freeze.driver.tree.patterns import compiled, found_in, patterns
from onebin.system import driver_dir

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

IGNORECASE, VERBOSE, MULTILINE = int(re.IGNORECASE), int(re.VERBOSE), int(re.MULTILINE)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import re\nre.compile('a+')", [("a+", 0)]),
        ("import re as r\nr.match('a', x, r.I)", [("a", IGNORECASE)]),
        ("from re import compile as c, X\nc(b'a', X)", [(b"a", VERBOSE)]),
        ("import os, re\nre.sub('a', 'b', x, 0, re.M | re.I)", [("a", MULTILINE | IGNORECASE)]),
        ("import re\nre.split(pattern='a', string=x, flags=re.I)", [("a", IGNORECASE)]),
        ("import re\nre.compile('a' 'b' + 'c')", [("abc", 0)]),
        ("import re\nA = 'a'\nF = re.I | re.X\nre.compile(A + '(%s)' % 'b', F)", [("a(b)", IGNORECASE | VERBOSE)]),
        ("import re\nclass C:\n    A: str = 'a'\n    b = re.compile(f'{A}b')", [("ab", 0)]),
        ("import re\nre.compile('|'.join(['a', re.escape('.')]))", [(r"a|\.", 0)]),
        ("import re\nre.compile('{}{x}'.format('a', x='b'))", [("ab", 0)]),
        ("import re\nre.compile('%(a)s' % {'a': 'b'})", [("b", 0)]),
        ("def f():\n    import re\n    return re.search('a', 'b')", [("a", 0)]),
        # What cannot be known, and what is not a pattern.
        ("import re\nA = 'a'\nA = 'b'\nre.compile(A)", []),
        ("import re\nA = A + 'a'\nre.compile(A)", []),
        ("import re\nre.compile(x)", []),
        ("import re\nre.compile('a', x)", []),
        ("import re\nre.compile('%d' % 'a')", []),
        ("import re\nre.compile(5)", []),
        ("import re\nre.compile()", []),
        ("import re\nre.escape('a')", []),
        ("compile('a', 'b', 'exec')  # from re", []),
        ("import re\nother.compile('a')", []),
        ("import re\nthis is not Python", []),
    ],
)
def test_patterns_are_found_in_sources(source: str, expected: list[tuple[str | bytes, int]]) -> None:
    """A pattern is found if it and its flags are constants, or are put together from constants."""
    assert [*patterns(source.encode())] == expected


def test_parts_say_what_re_makes_of_a_pattern() -> None:
    """The parts have the flags, the numbers of groups, codes and names, the codes, and the names with their groups."""
    parts = compiled("(?P<first>a)(b)(?P<größe>c)", int(re.IGNORECASE))
    assert parts is not None
    flags, groups, count, names = struct.unpack_from("<4I", parts)
    assert (flags, groups, names) == (re.IGNORECASE | re.UNICODE, 3, 2)
    assert struct.unpack_from("<2I", parts, 16 + 4 * count) == (1, 3)
    assert parts[16 + 4 * count + 8 :] == "first\0größe\0".encode()


@pytest.mark.parametrize(
    ("text", "flags"),
    [
        ("(", 0),
        ("a{2,1}", 0),
        ("[[a]", 0),  # a warning about sets
        ("a", int(re.DEBUG)),
        (b"a", int(re.LOCALE)),
        (b"(?L)a", 0),
        ("a", int(re.LOCALE)),
        ("a", 1),
        ("a", 1 << 20),
        ("(?P<a>b)" * 2, 0),
        (b"a", int(re.UNICODE)),
    ],
)
def test_pattern_that_needs_re_itself_is_left_to_it(text: str | bytes, flags: int) -> None:
    """A pattern that is wrong, that re warns about, or that depends on the process is not compiled."""
    assert compiled(text, flags) is None


def test_result_does_not_depend_on_the_order_or_the_process() -> None:
    """Each pattern is there once, with the same bytes whatever was compiled before."""
    sources = [b"import re\nre.compile('a'); re.compile('a'); re.compile('b', re.I)", b"import re\nre.match('a', x)"]
    found = found_in(sources)
    assert {*found} == {("a", 0), ("b", IGNORECASE)}
    assert found == found_in(sources[::-1])


def test_every_supported_python_compiles_patterns(tmp_path: Path, interpreters: Mapping[str, Path]) -> None:
    """The driver finds and compiles patterns under each version that can be frozen."""
    source = tmp_path / "source.py"
    source.write_text("import re\nre.compile('(?P<a>b)+', re.I)\n", "utf-8")
    script = (
        "import runpy, sys; found = runpy.run_path(sys.argv[1])['found_in']([open(sys.argv[2], 'rb').read()]);"
        "print([*found], all(found.values()))"
    )
    for python in {sys.executable, *map(str, interpreters.values())}:
        command = [python, "-c", script, str(driver_dir() / "tree" / "patterns.py"), str(source)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        assert done.stdout == f"[('(?P<a>b)+', {IGNORECASE})] True\n"

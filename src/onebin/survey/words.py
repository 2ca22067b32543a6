"""Which words stand in Python source: the strings by which plugins are looked up, and the names that it imports.

A text is read once; what is asked later of a bundle with thousands of plugins is a look into a set.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# The lookahead leaves a closing quote to be the next opening one: no grammar tells here which of them is which.
_STRING = re.compile(r""""([^"'\s\\]+)(?=")|'([^"'\s\\]+)(?=')""")
_BEGINNING = re.compile(r"""["'](\w+)\.""")
_IMPORT = re.compile(r"^[ \t\f]*(?:import|from)[ \t]+([\w.]+)", re.MULTILINE)
_STUB = re.compile(r"""\.pyi["']""")
_HELP = re.compile(r"(?<![.\w])help\(")
_ODD = re.compile(r"""["'\s\\]""")


@dataclass(frozen=True, kw_only=True)
class Words:
    """What stands in some source.

    `strings` are whole strings without white space, `beginnings` what stands before the first dot of a string,
    `imported` the modules of import statements with the packages that they lie in. `reads_stubs` tells that the
    suffix of stubs ends a string, `calls_help` that it calls the builtin `help`.
    """

    strings: frozenset[str]
    beginnings: frozenset[str]
    imported: frozenset[str]
    reads_stubs: bool
    calls_help: bool


def words_of(text: str) -> Words:
    """Return the words of Python source."""
    return Words(
        strings=frozenset(double or single for double, single in _STRING.findall(text)),
        beginnings=frozenset(_BEGINNING.findall(text)),
        imported=frozenset(package for name in set(_IMPORT.findall(text)) for package in _with_packages(name)),
        reads_stubs=_STUB.search(text) is not None,
        calls_help=_HELP.search(text) is not None,
    )


def is_odd(word: str) -> bool:
    """Tell whether a word has characters that no word of `Words.strings` has."""
    return _ODD.search(word) is not None


def _with_packages(name: str) -> Iterator[str]:
    yield name
    while "." in name:
        name = name.rpartition(".")[0]
        yield name

"""Find the words in Python source: the strings by which plugins may be looked up, and the names that it imports.

Each text is read once. Later questions about a bundle with thousands of plugins are look-ups in sets.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# Only look ahead at the closing quote: without a grammar, it may as well be the next opening one.
_STRING = re.compile(r""""([^"'\s\\]+)(?=")|'([^"'\s\\]+)(?=')""")
_BEGINNING = re.compile(r"""["'](\w+)\.""")
_IMPORT = re.compile(r"^[ \t\f]*(?:import|from)[ \t]+([\w.]+)", re.MULTILINE)
_HELP = re.compile(r"(?<![.\w])help\(")
_ODD = re.compile(r"""["'\s\\]""")


@dataclass(frozen=True, kw_only=True)
class Words:
    """The words in some source.

    `strings` are whole strings without white space, `beginnings` the parts of strings before their first dot,
    `imported` the modules of import statements and the packages that contain them. `calls_help`: the source calls
    the builtin `help`.
    """

    strings: frozenset[str]
    beginnings: frozenset[str]
    imported: frozenset[str]
    calls_help: bool


def words_of(text: str) -> Words:
    """Return the words of Python source."""
    return Words(
        strings=frozenset(double or single for double, single in _STRING.findall(text)),
        beginnings=frozenset(_BEGINNING.findall(text)),
        imported=frozenset(package for name in set(_IMPORT.findall(text)) for package in _with_packages(name)),
        calls_help=_HELP.search(text) is not None,
    )


def is_odd(word: str) -> bool:
    """Return whether a word has characters that no word in `Words.strings` has."""
    return _ODD.search(word) is not None


def _with_packages(name: str) -> Iterator[str]:
    yield name
    while "." in name:
        name = name.rpartition(".")[0]
        yield name

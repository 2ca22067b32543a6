"""Words of Python source: the strings by which plugins may be looked up, and the imported modules."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, strategies as st

from onebin.survey.words import is_odd, words_of

SOURCES = st.text(alphabet="ab.\"' \\\n_", max_size=60)
WORDS = st.text(alphabet="ab._", min_size=1, max_size=4)


@given(source=SOURCES, word=WORDS)
def test_word_is_found_between_quotes(source: str, word: str) -> None:
    """A word is in the set of strings if and only if it is between two equal quotes in the text."""
    assert (word in words_of(source).strings) == (f'"{word}"' in source or f"'{word}'" in source)


@given(source=SOURCES, word=st.sampled_from(["a", "b", "ab", "a_b"]))
def test_prefix_is_found_at_the_beginning_of_a_string(source: str, word: str) -> None:
    """A name is in the set of prefixes if and only if it follows a quote and precedes a dot."""
    assert (word in words_of(source).beginnings) == (f'"{word}.' in source or f"'{word}." in source)


@pytest.mark.parametrize(
    ("line", "imported"),
    [
        ("import a", {"a"}),
        ("import a.b as c", {"a", "a.b"}),
        ("    from a.b import c", {"a", "a.b"}),
        ("from .a import b", {".a", ""}),
        ("important = a", set()),
        ("x = 1; import a", set()),
    ],
)
def test_imports_are_read_from_statements(line: str, imported: set[str]) -> None:
    """An import statement at the beginning of a line gives its module and all parent packages."""
    assert set(words_of(line).imported) == imported


@given(name=st.text(max_size=5))
def test_odd_words_are_recognised(name: str) -> None:
    """Words that no set can contain are recognised, so that the text itself is searched."""
    assert is_odd(name) == bool(re.search(r"""["'\s\\]""", name))


def test_help_is_noticed() -> None:
    """Calls of the builtin `help` are noticed, and those of methods of that name are not."""
    assert words_of("help(x)").calls_help
    assert not words_of("parser.help(x)").calls_help

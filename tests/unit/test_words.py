"""Words of Python source: the strings by which plugins are looked up, and what is imported."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, strategies as st

from onebin.survey.words import is_odd, words_of

SOURCES = st.text(alphabet="ab.\"' \\\n_", max_size=60)
WORDS = st.text(alphabet="ab._", min_size=1, max_size=4)


@given(source=SOURCES, word=WORDS)
def test_word_is_found_between_quotes(source: str, word: str) -> None:
    """A word is in the set of strings exactly if it is between two equal quotes in the text."""
    assert (word in words_of(source).strings) == (f'"{word}"' in source or f"'{word}'" in source)


@given(source=SOURCES, word=st.sampled_from(["a", "b", "ab", "a_b"]))
def test_prefix_is_found_at_the_beginning_of_a_string(source: str, word: str) -> None:
    """A name is in the set of prefixes exactly if it follows a quote and precedes a dot."""
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
    """A statement at the beginning of a line names a module and the packages that it lies in."""
    assert set(words_of(line).imported) == imported


@given(name=st.text(max_size=5))
def test_odd_words_are_known(name: str) -> None:
    """A word that no set can have is told, so that the text itself is searched."""
    assert is_odd(name) == bool(re.search(r"""["'\s\\]""", name))


def test_help_and_stubs_are_noticed() -> None:
    """A call of the builtin `help` counts and that of a method does not; a suffix counts at the end of a string."""
    assert words_of("help(x)").calls_help
    assert not words_of("parser.help(x)").calls_help
    assert words_of('suffix = ".pyi"').reads_stubs
    assert not words_of("# .pyi files").reads_stubs

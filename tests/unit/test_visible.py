"""Which characters a message may have, that JSON with the others escaped is the same, and how names are spelled."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given, strategies as st
from packaging.utils import canonicalize_name

from onebin.system import canonical_name, escaped_json, redact, visible

HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
texts = st.text(st.characters())  # with lone surrogates
values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("grüße 中文 \U0001f4a5\ufe0f", "grüße 中文 \U0001f4a5\ufe0f"),
        ("\x1b[2J\x9b1m\x7f", "?[2J?1m?"),
        ("a\u202eb\u2066c\u200fd\u061ce", "a?b?c?d?e"),
        ("a\u200bb\ufeffc\u00add\u2060e\u3164f\U000e0041g", "a?b?c?d?e?f?g"),
        ("a\u2028b\u2029c\rd\ne\tf", "a?b?c?d?e?f"),
        ("a\u00a0b\u3000c", "a b c"),
        ("a\ud800b\ue000c", "a?b?c"),
    ],
)
def test_what_a_terminal_obeys_or_hides_is_replaced(text: str, shown: str) -> None:
    """Letters of any script are shown; what a terminal obeys, reorders or does not show is a question mark."""
    assert visible(text) == shown


def test_lines_are_kept_where_there_may_be_several() -> None:
    """A text of several lines keeps its line feeds and tabs, and those of Windows become line feeds."""
    assert visible("a\r\nb\tc\rd", one_line=False) == "a\nb\tc?d"


@given(texts)
def test_no_hidden_character_is_shown(text: str) -> None:
    """No text leaves anything but visible characters and spaces, and each stays at its place."""
    shown = visible(text)
    assert len(shown) == len(text)
    assert not {char for char in shown if unicodedata.category(char) in HIDDEN}
    assert visible(shown) == shown


@given(values)
def test_escaped_json_has_the_same_value(value: object) -> None:
    """Escaping changes how a document is written, and not its value."""
    document = escaped_json(json.dumps(value, indent=2, ensure_ascii=False))
    assert json.loads(document) == value
    assert not {char for char in document if char != "\n" and visible(char) != char}


def test_long_words_are_searched_for_credentials_in_a_moment() -> None:
    """The time to look for credentials grows with the length of a text, and not with its square."""
    for text in ("a" * 2_000_000, "a://" * 500_000, "a://b:" * 300_000):
        assert redact(text, {}) == text
    assert redact("x" * 1_000_000 + "://user:secret@host", {}).endswith("x://****@host")


@given(name=st.text(alphabet="aB1-_.", max_size=12))
def test_canonical_name_is_that_of_packaging(name: str) -> None:
    """The canonical spelling of a distribution's name is the one that `packaging` gives it."""
    assert canonical_name(name) == canonicalize_name(name)

"""Queries of a survey: which distributions have a module, import it, or mention a word."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, strategies as st

from onebin.survey.index import inverted
from onebin.survey.syntax import Behaviour
from support.builders import SITE_PACKAGES, distribution, survey

if TYPE_CHECKING:
    from pathlib import Path

HOST = distribution("Demo", modules=["demo", "demo.cli"], source="import csv.reader\nx = 'demo.plugins'\ny = 'grp'\n")
FIRST = distribution("First", modules=["first", "space.first"], source="import demo.cli\nx = 'grp'\n")
SECOND = distribution("Second_Kit", modules=["space.second.deep"], source="x = 'first.part'\n")
SURVEY = survey(HOST, FIRST, SECOND)


def test_host_is_the_one_named_by_the_lock() -> None:
    """The host and all other distributions are found by their canonical names."""
    assert SURVEY.host is HOST
    assert list(SURVEY.distributions) == ["demo", "first", "second-kit"]


def test_word_is_mentioned_where_it_is_a_whole_string() -> None:
    """A distribution mentions a word if a whole string equals it."""
    assert SURVEY.mentioning("grp") == {"demo", "first"}
    assert SURVEY.mentioning("demo.plugins") == {"demo"}
    assert SURVEY.mentioning("demo") == frozenset()
    assert SURVEY.mentioning("nowhere") == frozenset()


def test_odd_word_is_searched_for_in_the_files(tmp_path: Path) -> None:
    """A word with white space is searched for in the files, since no set of words has it."""
    (tmp_path / "odd.py").write_text("x = 'two words'\n", "utf-8")
    (tmp_path / "plain.py").write_text("x = 'words'\n", "utf-8")
    odd = distribution("odd", modules=["odd"], site_packages=tmp_path)
    plain = distribution("plain", modules=["plain"], site_packages=tmp_path)
    assert survey(odd, plain).mentioning("two words") == {"odd"}


def test_top_level_name_is_named_by_modules_and_by_prefixes_of_strings() -> None:
    """A distribution names a top-level name by having modules in it or a string that begins with it and a dot."""
    assert SURVEY.naming("space") == {"first", "second-kit"}
    assert SURVEY.naming("first") == {"first", "second-kit"}
    assert SURVEY.naming("grp") == frozenset()


def test_import_of_a_part_imports_the_package() -> None:
    """Importing a module also counts as importing each of its parent packages."""
    assert SURVEY.importing("demo.cli") == {"first"}
    assert SURVEY.importing("demo") == {"first"}
    assert SURVEY.importing("csv") == {"demo"}
    assert SURVEY.importing("demo.cli.main") == frozenset()


def test_modules_that_import_by_name_are_known() -> None:
    """Distributions with computed imports are known by their canonical names."""
    computing = distribution("Comp_Uting", behaviour=Behaviour(imports_by_name=True))
    assert survey(HOST, computing).importing_by_name == {"comp-uting"}
    assert SURVEY.importing_by_name == frozenset()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("demo", True),
        ("demo.cli", True),
        ("space", True),
        ("space.second", True),
        ("spac", False),
        ("demo.cl", False),
        ("demo.cli.main", False),
    ],
)
def test_module_exists_if_it_or_a_module_below_it_exists(name: str, expected: bool) -> None:
    """A module exists if a distribution has it or a module below it, as in a namespace package."""
    assert SURVEY.has_module(name) is expected


@pytest.mark.parametrize(
    ("name", "owner"),
    [("demo.cli", "demo"), ("demo.cli.main", "demo"), ("space.first", "first"), ("space", None), ("other", None)],
)
def test_owner_of_a_module_has_it_or_its_parent_package(name: str, owner: str | None) -> None:
    """The owner of a module has it or one of its parent packages; a namespace package has no owner."""
    found = SURVEY.of_module(name)
    assert (found and found.name) == owner


def test_owner_of_a_namespace_is_the_owner_of_a_portion() -> None:
    """`owner_name` returns the owner of a namespace's first portion, and raises KeyError for an unknown module."""
    assert SURVEY.owner_name("space.second") == "second-kit"
    assert SURVEY.owner_name("space") == "first"
    assert SURVEY.owner_name("demo.cli") == "demo"
    with pytest.raises(KeyError):
        SURVEY.owner_name("other")


def test_module_of_two_distributions_belongs_to_the_last() -> None:
    """If two distributions have the same file, the last by canonical name is the owner."""
    both = survey(distribution("Zeta", modules=["same"]), distribution("alpha", modules=["same"]))
    assert both.owners == {"same": "zeta"}
    assert both.recorded == {"same.py": "zeta"}


def test_every_recorded_file_has_an_owner() -> None:
    """All files in a distribution's RECORD belong to it: modules, data and others."""
    found = survey(distribution("demo", modules=["demo"], data=["demo.csv"], shared=["../../../share/x"]))
    assert found.recorded == {"../../../share/x": "demo", "demo.csv": "demo", "demo.py": "demo"}
    assert found.host.modules["demo"] == SITE_PACKAGES / "demo.py"


@given(st.dictionaries(st.sampled_from("abcde"), st.sets(st.integers(0, 6).map(str))))
def test_inverted_index_has_each_owner_of_each_word(words: dict[str, set[str]]) -> None:
    """The inverted index maps each word to exactly the owners that have it."""
    found = inverted(words)
    expected = {word: {name for name, own in words.items() if word in own} for own in words.values() for word in own}
    assert found == expected


def test_survey_with_other_words_gives_other_answers() -> None:
    """A changed copy of a survey does not reuse the cached answers of the original."""
    assert SURVEY.mentioning("grp")
    silent = replace(SURVEY, distributions={"demo": distribution("demo")})
    assert silent.mentioning("grp") == frozenset()

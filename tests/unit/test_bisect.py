"""The rules of bisecting: minimal sets, the border between good and bad, and their words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings, strategies as st

from onebin.bisect.minimize import minimize
from onebin.bisect.narrow import narrow
from onebin.bisect.summary import listed

if TYPE_CHECKING:
    from collections.abc import Callable

    from onebin.bisect.results import Verdict

ITEMS = range(9)
SETS = st.frozensets(st.sampled_from(ITEMS), min_size=1)


def _asked(fails: Callable[[frozenset[int]], bool]) -> tuple[Callable[[tuple[int, ...]], bool], list[frozenset[int]]]:
    asked: list[frozenset[int]] = []

    def remembering(some: tuple[int, ...]) -> bool:
        asked.append(frozenset(some))
        return fails(frozenset(some))

    return remembering, asked


@settings(max_examples=50)
@given(culprits=SETS)
def test_exactly_the_culprits_are_found(culprits: frozenset[int]) -> None:
    """If a set fails whenever certain items are in it, the result is these items, in their order."""
    fails, asked = _asked(culprits.issubset)
    assert minimize(ITEMS, fails) == tuple(sorted(culprits))
    assert len(set(asked)) <= len(ITEMS) ** 2 + 3 * len(ITEMS)  # the bound in the paper


@settings(max_examples=50)
@given(culprits=st.lists(SETS, min_size=1, max_size=4), unclear=st.sets(SETS, max_size=40))
def test_result_is_one_minimal(culprits: list[frozenset[int]], unclear: set[frozenset[int]]) -> None:
    """With several causes, and sets that cannot be tried, the result fails, but not without any one of its items."""

    def fails(some: frozenset[int]) -> bool:
        is_whole = len(some) == len(ITEMS)
        return is_whole or (some not in unclear and any(each <= some for each in culprits))

    ask, asked = _asked(fails)
    found = frozenset(minimize(ITEMS, ask))
    assert fails(found)
    assert not [item for item in found if len(found) > 1 and fails(found - {item})]
    assert len(found) == 1 or {found - {item} for item in found} <= {*asked}  # nothing is concluded that was not tried


def test_one_of_many_takes_few_questions() -> None:
    """A single culprit among many is found by halving."""
    fails, asked = _asked(lambda some: 700 in some)
    assert minimize(range(1000), fails) == (700,)
    assert len(set(asked)) < 25


@settings(max_examples=50)
@given(data=st.data(), size=st.integers(2, 60))
def test_border_between_good_and_bad_is_found(data: Any, size: int) -> None:
    """Everything up to the answer's good number is good or unclear, and everything between the two is unclear."""
    border = data.draw(st.integers(0, size - 1))
    unclear = data.draw(st.sets(st.integers(0, size - 2)))
    asked: list[int] = []

    def verdict(number: int) -> Verdict:
        asked.append(number)
        return "skip" if number in unclear else "bad" if number >= border else "good"

    good, bad = narrow(-1, size - 1, verdict)
    clear = [number for number in range(size) if number not in unclear]
    assert good == max((number for number in clear if number < border), default=-1)
    assert bad == min(number for number in clear if number >= border)
    assert len(asked) == len(set(asked))


def test_range_that_cannot_be_tried_takes_few_questions() -> None:
    """If the older half cannot be tried, that takes some questions and not one for each."""
    asked: list[int] = []

    def verdict(number: int) -> Verdict:
        asked.append(number)
        return "skip" if number < 500 else "bad" if number >= 900 else "good"

    assert narrow(-1, 999, verdict) == (899, 900)
    assert len(asked) < 15


@pytest.mark.parametrize(("names", "text"), [(["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")])
def test_names_are_listed_in_words(names: list[str], text: str) -> None:
    """Names become a list as in a sentence."""
    assert listed(names) == text

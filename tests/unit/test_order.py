"""The order of plugins: stable, and what cannot be ordered is a cycle with its path."""

from __future__ import annotations

import graphlib

import pytest
from hypothesis import given, strategies as st

from onebin.check.order import Precedence, ranked

NAMES = ["a", "b", "c", "d", "e"]


def _ranked(*pairs: str) -> str:
    """Rank the first five letters by pairs of (first, then)."""
    return "".join(ranked(NAMES, [Precedence(pair[0], pair[1], "") for pair in pairs]))


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ((), "abcde"),
        (("ab", "bc"), "abcde"),
        (("ca",), "bcade"),
        (("ea", "ea"), "bcdea"),
        (("ec", "ca"), "bdeca"),
        (("ea", "eb", "ec", "ed"), "eabcd"),
    ],
)
def test_what_comes_first_comes_first_and_all_else_stays(pairs: tuple[str, ...], expected: str) -> None:
    """Only what must move moves: of those that may come next, the first of the manifest does."""
    assert _ranked(*pairs) == expected


def test_a_cycle_is_its_path() -> None:
    """A cycle is raised with each of its plugins, the first once more at the end."""
    with pytest.raises(graphlib.CycleError) as caught:
        _ranked("ab", "bc", "ca")
    path = caught.value.args[1]
    assert path[0] == path[-1]
    assert sorted(path[1:]) == ["a", "b", "c"]


@given(st.permutations(range(8)), st.sets(st.tuples(st.integers(0, 7), st.integers(0, 7))))
def test_every_order_that_can_be_is_found(hidden: list[int], pairs: set[tuple[int, int]]) -> None:
    """Whatever is asked for that some order fulfils is fulfilled, with all plugins and in one way only."""
    wanted = [Precedence(str(a), str(b), "") for a, b in sorted(pairs) if hidden.index(a) < hidden.index(b)]
    names = [str(number) for number in range(8)]
    found = ranked(names, wanted)
    assert sorted(found) == names
    assert all(found.index(each.first) < found.index(each.then) for each in wanted)
    assert found == ranked(names, list(reversed(wanted)))
    assert wanted or found == names

"""The order of plugins: it is stable, and impossible orders are reported as cycles."""

from __future__ import annotations

import graphlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, strategies as st

from onebin.check.order import Order, Precedence, order, ranked
from onebin.errors import PlanError
from support.builders import distribution, interpreter, manifest, planned, survey

if TYPE_CHECKING:
    from onebin.survey import Distribution

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
def test_order_changes_only_where_it_must(pairs: tuple[str, ...], expected: str) -> None:
    """Rows keep the order of the manifest as far as the constraints allow."""
    assert _ranked(*pairs) == expected


def test_cycle_is_reported_as_a_path() -> None:
    """A cycle is raised with the path through its plugins, which ends with the first again."""
    with pytest.raises(graphlib.CycleError) as caught:
        _ranked("ab", "bc", "ca")
    path = caught.value.args[1]
    assert path[0] == path[-1]
    assert sorted(path[1:]) == ["a", "b", "c"]


@given(st.permutations(range(8)), st.sets(st.tuples(st.integers(0, 7), st.integers(0, 7))))
def test_possible_order_is_always_found(hidden: list[int], pairs: set[tuple[int, int]]) -> None:
    """If an order satisfies the constraints, one is found, and it is always the same."""
    wanted = [Precedence(str(a), str(b), "") for a, b in sorted(pairs) if hidden.index(a) < hidden.index(b)]
    names = [str(number) for number in range(8)]
    found = ranked(names, wanted)
    assert sorted(found) == names
    assert all(found.index(each.first) < found.index(each.then) for each in wanted)
    assert found == ranked(names, list(reversed(wanted)))
    assert wanted or found == names


ROWS = '[plugins]\na = "*"\nb = "*"\nc = "*"\n'


def _ordered(rows: str, *distributions: Distribution, python: str = "3.12.1") -> Order:
    """Return the order of plugins that have rows of the same names."""
    wanted = manifest(rows)
    surveyed = survey(distribution("demo"), *distributions, python=interpreter(python))
    plugins = [
        planned(surveyed.distributions[row.name]) for row in wanted.plugins if row.name in surveyed.distributions
    ]
    return order(plugins, wanted.plugins, surveyed, "bundle.toml")


def _names(found: Order) -> str:
    return "".join(plugin.name for plugin in found.plugins)


PLAIN = [distribution(name) for name in "abc"]


def test_plugins_have_the_order_of_the_manifest() -> None:
    """Without constraints, plugins have the order of the manifest, and no reasons are reported."""
    found = _ordered(ROWS, *PLAIN)
    assert (_names(found), found.precedences) == ("abc", ())


def test_rows_may_set_after_and_before() -> None:
    """`after` and `before` accept any spelling of a row's name and are reported as reasons."""
    found = _ordered(
        '[plugins]\na = { version = "*", after = ["B"] }\nb = "*"\nc = { version = "*", before = ["b"] }\n', *PLAIN
    )
    assert _names(found) == "cba"
    assert [each.reason for each in found.precedences] == ["a has after b", "c has before b"]


def test_rows_that_contribute_nothing_are_ignored() -> None:
    """Rows that contribute nothing are ignored, together with their `after` and `before`."""
    rows = '[plugins]\na = { version = "*", after = ["b"] }\nb = { version = "*", before = ["a"] }\nc = "*"\n'
    assert _names(_ordered(rows, distribution("a"), distribution("c"))) == "ac"


def test_plugin_comes_after_those_it_depends_on() -> None:
    """A plugin comes after its dependencies, even if it requires them through other distributions."""
    found = _ordered(ROWS, distribution("a", requires=["helper"]), distribution("helper", requires=["c"]), *PLAIN[1:])
    assert _names(found) == "bca"
    assert [each.reason for each in found.precedences] == ["a depends on c"]


@pytest.mark.parametrize(("python", "expected"), [("3.10.2", "bca"), ("3.12.1", "abc")])
def test_markers_are_those_of_the_stages_python(python: str, expected: str) -> None:
    """A requirement whose marker does not match the stage's Python is ignored."""
    old = distribution("a", requires=["c; python_version < '3.11'"])
    assert _names(_ordered(ROWS, old, *PLAIN[1:], python=python)) == expected


@pytest.mark.parametrize(("row", "expected"), [('{ version = "*", extras = ["fast"] }', "bca"), ('"*"', "abc")])
def test_extras_of_a_row_count(row: str, expected: str) -> None:
    """A requirement of an extra counts only if the row asks for the extra."""
    fast = distribution("a", requires=["c; extra == 'fast'"])
    assert _names(_ordered(f'[plugins]\na = {row}\nb = "*"\nc = "*"\n', fast, *PLAIN[1:])) == expected


def test_distributions_that_depend_on_each_other_are_not_an_error() -> None:
    """Distributions that require each other are not an error, since no user could resolve that cycle."""
    found = _ordered(ROWS, distribution("a", requires=["b"]), distribution("b", requires=["a"]), PLAIN[2])
    assert (_names(found), found.precedences) == ("abc", ())


def test_cycle_of_rows_is_an_error_with_its_reasons() -> None:
    """A cycle of rows is an error with its path, the reason of each step, and the key of its first row."""
    with pytest.raises(PlanError) as caught:
        _ordered(
            '[plugins]\na = { version = "*", before = ["b"] }\nb = "*"\n', distribution("a", requires=["b"]), PLAIN[1]
        )
    (finding,) = caught.value.findings
    assert finding.where in {"bundle.toml: plugins.a", "bundle.toml: plugins.b"}
    assert finding.message in {
        "the order of the plugins is a cycle: a -> b -> a (a has before b; a depends on b)",
        "the order of the plugins is a cycle: b -> a -> b (a depends on b; a has before b)",
    }

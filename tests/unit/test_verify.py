"""Differences between stage and artifact are found and reported with the plugin's name."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, cast

import pytest

from onebin.verify.compare import compare
from onebin.verify.installation import compare_installations

if TYPE_CHECKING:
    from onebin.card.answers import Answers, Installation
    from onebin.card.facts import Facts
    from onebin.errors import Finding

STAGED: dict[str, Any] = {
    "distributions": {"host": "1.0", "plug": "2.0"},
    "entry_points": [["host", "console_scripts", "host", "host:main"], ["plug", "host.plugins", "p", "plug:P"]],
    "groups": ["console_scripts", "host.plugins"],
    "loads": [
        {
            "distribution": "plug",
            "group": "host.plugins",
            "name": "p",
            "value": "plug:P",
            "result": ["type", "plug", "P"],
        }
    ],
    "plugins": [{"name": "row", "result": ["plug"]}],
    "modules": [],
    "data": [],
    "host": [],
    "installation": None,
}
FACTS = {
    "plugins": [{"name": "row", "distribution": "plug", "version": "2.0"}],
    "answers": STAGED,
    "verified": {"stage": "natively", "artifact": None},
}


def _found() -> dict[str, Any]:
    return {**copy.deepcopy(STAGED), "registered": [("row", "plug", "2.0")]}


def _findings(found: dict[str, Any]) -> list[Finding]:
    return list(compare(cast("Facts", FACTS), cast("Answers", found)))


def test_equal_answers_have_no_findings() -> None:
    """An artifact that answers like its stage has no findings."""
    assert _findings(_found()) == []


def _say_nothing(found: dict[str, Any]) -> None:
    found["plugins"] = []


def _lose_distribution(found: dict[str, Any]) -> None:
    del found["distributions"]["plug"]


def _change_version(found: dict[str, Any]) -> None:
    found["distributions"]["plug"] = "3.0"


def _add_entry_point(found: dict[str, Any]) -> None:
    found["entry_points"].append(["extra", "g", "n", "v"])


def _lose_entry_point(found: dict[str, Any]) -> None:
    found["entry_points"].pop()


def _fail_to_load(found: dict[str, Any]) -> None:
    del found["loads"][0]["result"]
    found["loads"][0].update(
        error="ModuleNotFoundError", message="No module named 'plug.x'", module="plug.x", where="f:1"
    )


def _load_another(found: dict[str, Any]) -> None:
    found["loads"][0]["result"] = ["type", "other", "P"]


def _fail_to_open(found: dict[str, Any]) -> None:
    found["plugins"][0] = {"name": "row", "error": "RuntimeError", "message": "no", "module": None, "where": None}


def _forget_registration(found: dict[str, Any]) -> None:
    found["registered"] = []


@pytest.mark.parametrize(
    ("change", "where", "words"),
    [
        (_say_nothing, "row", "has no answer about row"),
        (_lose_distribution, "plug", "missing in the artifact"),
        (_change_version, "plug", "3.0 in the artifact, 2.0 in the stage"),
        (_add_entry_point, "extra g n v", "in the artifact but not in the stage"),
        (_lose_entry_point, "plug host.plugins p plug:P", "missing from the artifact"),
        (_fail_to_load, "row", "fails in the artifact: ModuleNotFoundError"),
        (_load_another, "row", "in the artifact"),
        (_fail_to_open, "row", "RuntimeError: no"),
        (_forget_registration, "registry", "the lock says"),
    ],
)
def test_each_difference_is_one_finding(change, where: str, words: str) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001  # a function of this file
    """Everything missing, additional, different or failing is one finding with the plugin's name."""
    found = _found()
    change(found)
    (finding,) = _findings(found)
    assert finding.where == where
    assert words in finding.message


INSTALLED: dict[str, Any] = {
    "environment": {"prefix": ["{prefix}"], "frozen": []},
    "children": {"-c": [True, True, ["x"]], "multiprocessing, spawn": 4},
    "files": {"plug": ["plug/gone.txt"]},
    "modules": {},
}


@pytest.mark.parametrize(
    ("change", "where", "words"),
    [
        ({"environment": {**INSTALLED["environment"], "frozen": ["frozen"]}}, "environment", "frozen is ['frozen']"),
        ({"environment": {"prefix": ["{prefix}"]}}, "environment", "frozen is None in the artifact, [] in the stage"),
        ({"environment": {**INSTALLED["environment"], "new": 1}}, "environment", "new is 1"),
        ({"children": {"-c": [True, True, ["x"]]}}, "children", "started by multiprocessing, spawn answers None"),
        ({"children": {**INSTALLED["children"], "-c": "exit code 1: no"}}, "children", "answers 'exit code 1: no'"),
        ({"files": {"plug": list("abcde")}}, "plug", "5 files missing from the artifact: a, b, c and 2 more"),
        ({"modules": {"dep": ["dep.x"]}}, "dep", "1 module missing from the artifact: dep.x"),
    ],
)
def test_each_difference_of_an_installation_is_one_finding(change: dict[str, Any], where: str, words: str) -> None:
    """Another environment, another child, and files or modules that only the artifact lacks are one finding each."""
    (finding,) = compare_installations(cast("Installation", INSTALLED), cast("Installation", {**INSTALLED, **change}))
    assert finding.where == where
    assert words in finding.message
    assert "report" in (finding.hint or "")


def test_what_the_stage_lacks_too_is_not_a_finding() -> None:
    """An artifact may lack what its stage lacks, and may have more; without a description, it is not compared."""
    more: dict[str, Any] = {**INSTALLED, "files": {}}
    for found in (INSTALLED, more):
        assert list(compare_installations(cast("Installation", INSTALLED), cast("Installation", found))) == []
    assert len(list(compare_installations(cast("Installation", INSTALLED), None))) == 1


def test_missing_module_has_its_remedy() -> None:
    """The finding for a module missing from the artifact has the manifest key that adds it."""
    found = _found()
    _fail_to_load(found)
    (finding,) = _findings(found)
    assert finding.hint is not None
    assert 'add it: [freeze] include = ["plug.x"]' in finding.hint

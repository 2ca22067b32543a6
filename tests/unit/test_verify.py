"""Differences between stage and artifact are found and reported with the plugin's name."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, cast

import pytest

from onebin.verify.compare import compare

if TYPE_CHECKING:
    from onebin.card.answers import Answers
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
FACTS = {"plugins": [{"name": "row", "distribution": "plug", "version": "2.0"}], "answers": STAGED}


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


def test_missing_module_has_its_remedy() -> None:
    """The finding for a module missing from the artifact has the manifest key that adds it."""
    found = _found()
    _fail_to_load(found)
    (finding,) = _findings(found)
    assert finding.hint is not None
    assert 'add it: [freeze] include = ["plug.x"]' in finding.hint

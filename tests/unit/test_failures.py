"""Failures to load in the stage: which are errors, which are only notices, and their hints."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from onebin.check.failures import Failure, failures
from support.builders import answers, distribution, planned, survey

if TYPE_CHECKING:
    from onebin.card import Outcome
    from onebin.errors import Finding

HOST = distribution("demo", modules=["demo"], source="x = 'demo.plugins'\n")
PLUG = distribution("plug", modules=["plug", "plug.part"], entry_points=[("demo.plugins", "name", "plug.part:Thing")])
OTHER = distribution("other", modules=["other"])
SURVEY = survey(HOST, PLUG, OTHER)
LOAD: Outcome = {
    "name": "name",
    "distribution": "plug",
    "group": "demo.plugins",
    "value": "plug.part:Thing",
    "error": "RuntimeError",
    "message": "no licence",
    "module": None,
    "where": "plug/part.py:3",
}


LACKING = "it needs gone, which no locked distribution has: add the distribution or the extra"


def found(*loads: Outcome, host: tuple[Outcome, ...] = (), plugins: tuple[Outcome, ...] = ()) -> list[Failure]:
    """Return the failures among these answers about the host, entry points and plugins."""
    given = answers(host=host, loads=loads, plugins=plugins)
    return list(failures(given, [planned(PLUG, modules=["plug.part"])], SURVEY, "bundle.toml"))


def said(failure: Failure) -> Finding:
    """Return the finding about a failure in a package of an index, of which there are two other versions."""
    return failure.finding(None, lambda: ["1.2", "1.1"])


def never() -> list[str]:
    """Fail, because nobody should ask for versions."""
    raise AssertionError


def changed(**others: str | None) -> Outcome:
    """Return the outcome of the failing entry point with these members changed."""
    return {**LOAD, **others}  # type: ignore[typeddict-item]  # members of an outcome


def test_loaded_names_are_not_failures() -> None:
    """Outcomes with a result are not failures."""
    assert found({"name": "name", "result": ["x"]}, plugins=({"name": "plug", "result": []},)) == []


def test_entry_point_of_a_plugin_must_load() -> None:
    """A plugin's entry point that fails to load is an error with its row, name, exception and source line."""
    (failure,) = found(LOAD)
    assert failure.is_needed
    assert said(failure).where == "bundle.toml: plugins.plug"
    assert failure.message == (
        "entry point name = plug.part:Thing [demo.plugins] does not load: RuntimeError: no licence (plug/part.py:3)"
    )
    assert said(failure).hint == "ask the author of plug, lock another version of it (1.2, 1.1), or remove the plugin"


def test_error_in_the_code_of_another_is_not_the_plugins() -> None:
    """If the error comes from the code of another distribution, that one is to blame, and has other versions."""
    (failure,) = found(changed(where=f"{OTHER.site_packages / 'other.py'}:7"))
    assert failure.owner == "other"
    assert failure.message.endswith("no licence (other.py:7)")
    assert str(said(failure).hint).startswith("ask the author of other, lock another version of it (1.2, 1.1)")


@pytest.mark.parametrize(
    ("outcome", "hint"),
    [
        ({}, "fix the error there, or remove the plugin"),
        ({"error": "AttributeError"}, "fix the error there, or remove the plugin"),
        (
            {"error": "AttributeError", "message": "module 'plug.part' has no attribute 'Thing'", "where": None},
            "the distribution declares something that it does not have: fix it in plugins/plug",
        ),
        (
            {"error": "ModuleNotFoundError", "module": "gone"},
            f"{LACKING} to the dependencies of plugins/plug",
        ),
    ],
)
def test_own_project_is_to_be_fixed_there(
    outcome: dict[str, str], hint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the code is in a project of the user's, no other version is suggested, but what to change in it."""
    (failure,) = found(changed(**outcome))
    project = tmp_path / "plugins" / "plug"
    project.mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert failure.owner == "plug"
    assert failure.finding(project, never).hint == hint


def test_own_wheel_is_to_be_built_again() -> None:
    """If the code is in a wheel of the user's, the hint is to build it again."""
    (failure,) = found(LOAD)
    hint = "fix the error there, build wheels/plug-1.0.whl again, or remove the plugin"
    assert failure.finding(Path.cwd() / "wheels" / "plug-1.0.whl", never).hint == hint


def test_missing_module_is_named() -> None:
    """The hint names a missing module that no locked distribution has."""
    (failure,) = found(changed(error="ModuleNotFoundError", message="No module named 'gone'", module="gone.part"))
    assert failure.lacks == "gone.part"
    assert failure.is_needed
    assert "it needs gone.part, which no locked distribution has" in str(said(failure).hint)


@pytest.mark.parametrize(
    ("error", "module"), [("ModuleNotFoundError", "plug.part"), ("AttributeError", None)], ids=["module", "attribute"]
)
def test_entry_point_without_its_module_or_attribute_is_a_mistake_of_its_author(error: str, module: str | None) -> None:
    """If an entry point's own module or attribute does not exist, the hint is to ask its author."""
    (failure,) = found(changed(error=error, module=module, message="it has no attribute 'Thing'", where=None))
    assert failure.lacks is None
    assert "declares something that it does not have" in str(said(failure).hint)


def test_entry_that_the_artifact_calls_must_load() -> None:
    """If the function that the artifact calls fails to load, that is an error at the host."""
    (failure,) = found(host=({"name": "demo.cli:main", "error": "AttributeError", "message": "no main"},))
    assert failure.is_needed
    assert said(failure).where == "bundle.toml: host"
    assert failure.message == "demo.cli:main cannot be called: AttributeError: no main"


@pytest.mark.parametrize(
    "load",
    [
        changed(group="console_scripts"),
        changed(value="plug.other:Thing"),
        changed(distribution="other"),
        changed(error="ModuleNotFoundError", group="old.plugins", module="other.gone"),
    ],
    ids=["script", "unused-module", "not-a-row", "for-another-host"],
)
def test_failure_of_an_unused_entry_point_is_a_notice(load: Outcome) -> None:
    """An entry point that opening a plugin does not import may fail to load, with only a notice."""
    (failure,) = found(load)
    assert not failure.is_needed


def test_group_that_is_mentioned_is_not_for_another_host() -> None:
    """If the host mentions the group, an entry point that fails because of a missing module is an error."""
    (failure,) = found(changed(error="ModuleNotFoundError", module="other.gone"))
    assert failure.is_needed


def test_group_that_only_the_plugin_mentions_may_be_for_another_host() -> None:
    """If only the plugin mentions the group, an entry point with a missing module is only a notice."""
    plug = distribution("plug", modules=["plug"], source="x = 'old.plugins'\n")
    load = changed(value="plug:Thing", error="ModuleNotFoundError", group="old.plugins", module="other.gone")
    (failure,) = failures(answers(loads=(load,)), [planned(plug)], survey(HOST, plug, OTHER), "bundle.toml")
    assert not failure.is_needed


def test_module_that_fails_is_reported_once() -> None:
    """A module that fails is reported once, even if two entry points and the plugin itself import it."""
    plugin: Outcome = {"name": "plug", "error": "RuntimeError", "message": "no licence"}
    assert len(found(LOAD, changed(name="again", value="plug.part:Other"), plugins=(plugin,))) == 1
    assert len(found(LOAD, changed(message="another"))) == 2


def test_host_that_cannot_be_called_is_reported_once() -> None:
    """A script of the host that fails to load is not reported again as an entry point."""
    called: Outcome = {"name": "demo.cli:main", "error": "ImportError", "message": "broken"}
    load: Outcome = {
        **LOAD,
        "distribution": "demo",
        "value": "demo.cli:main",
        "error": "ImportError",
        "message": "broken",
    }
    assert len(found(load, host=(called,))) == 1


def test_plugin_that_cannot_be_imported_is_an_error() -> None:
    """Any exception while importing a plugin with entry points is an error."""
    (failure,) = found(plugins=({"name": "plug", "error": "RuntimeError", "message": "no"},))
    assert failure.is_needed
    assert failure.message == "it cannot be imported: RuntimeError: no"


@pytest.mark.parametrize(
    ("error", "is_needed"),
    [("ImportError", True), ("SyntaxError", True), ("SystemExit", True), ("RuntimeError", False), ("KeyError", False)],
)
def test_plugin_that_is_found_by_name_may_need_its_running_host(error: str, is_needed: bool) -> None:
    """A plugin without entry points may fail to import, except with errors that a running host cannot prevent."""
    plugin = planned(OTHER, name="other")
    given = answers(plugins=({"name": "other", "error": error, "message": "no"},))
    (failure,) = failures(given, [plugin], SURVEY, "bundle.toml")
    assert failure.is_needed is is_needed


def test_failure_of_two_rows_is_reported_for_the_first() -> None:
    """A failure in a distribution with two rows is reported only for the first row."""
    rows = [planned(PLUG, name="first", modules=["plug.part"]), planned(PLUG, name="second", modules=["plug.part"])]
    (failure,) = failures(answers(loads=(LOAD,)), rows, SURVEY, "bundle.toml")
    assert failure.key == "bundle.toml: plugins.first"

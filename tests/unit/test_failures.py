"""What does not load in the stage: what of it is an error, what is only a notice, and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from onebin.check.failures import Failure, failures
from support.builders import answers, distribution, planned, survey

if TYPE_CHECKING:
    from onebin.card import Outcome

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


def found(*loads: Outcome, host: tuple[Outcome, ...] = (), plugins: tuple[Outcome, ...] = ()) -> list[Failure]:
    """Return the failures among some answers about the host, entry points and plugins."""
    given = answers(host=host, loads=loads, plugins=plugins)
    return list(failures(given, [planned(PLUG, modules=["plug.part"])], SURVEY, "bundle.toml"))


def changed(**others: str | None) -> Outcome:
    """Return the outcome of the failing entry point with other members."""
    return {**LOAD, **others}  # type: ignore[typeddict-item]  # members of an outcome


def test_loaded_names_are_not_failures() -> None:
    """Outcomes with a result are left out."""
    assert found({"name": "name", "result": ["x"]}, plugins=({"name": "plug", "result": []},)) == []


def test_entry_point_of_a_plugin_must_load() -> None:
    """The finding names the row, the entry point, the error and the place."""
    (failure,) = found(LOAD)
    assert failure.is_needed
    assert failure.finding.where == "bundle.toml: plugins.plug"
    assert failure.message == (
        "entry point name = plug.part:Thing [demo.plugins] does not load: RuntimeError: no licence (plug/part.py:3)"
    )
    assert failure.finding.hint == "fix the error there, or remove the plugin"


def test_missing_module_is_named() -> None:
    """The hint says which module is missing if no locked distribution has it."""
    (failure,) = found(changed(error="ModuleNotFoundError", message="No module named 'gone'", module="gone.part"))
    assert failure.lacks == "gone.part"
    assert failure.is_needed
    assert "it needs gone.part, which no locked distribution has" in str(failure.finding.hint)


@pytest.mark.parametrize(
    ("error", "module"), [("ModuleNotFoundError", "plug.part"), ("AttributeError", None)], ids=["module", "attribute"]
)
def test_missing_module_of_an_entry_point_is_the_distributions_error(error: str, module: str | None) -> None:
    """If the module or attribute of the entry point itself does not exist, its author must be asked."""
    (failure,) = found(changed(error=error, module=module))
    assert failure.lacks is None
    assert "declares something that it does not have" in str(failure.finding.hint)


def test_entry_that_the_artifact_calls_must_load() -> None:
    """The host's function is needed, and its failure is reported for the host."""
    (failure,) = found(host=({"name": "demo.cli:main", "error": "AttributeError", "message": "no main"},))
    assert failure.is_needed
    assert failure.finding.where == "bundle.toml: host"
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
    """A script, a module that opening does not import, another distribution's or an older host's may fail."""
    (failure,) = found(load)
    assert not failure.is_needed


def test_group_that_is_mentioned_is_not_for_another_host() -> None:
    """If the host mentions the whole group, a missing module of another distribution is an error as well."""
    (failure,) = found(changed(error="ModuleNotFoundError", module="other.gone"))
    assert failure.is_needed


def test_group_that_only_the_plugin_mentions_may_be_for_another_host() -> None:
    """The plugin's own mention of its group does not show that this host looks it up."""
    plug = distribution("plug", modules=["plug"], source="x = 'old.plugins'\n")
    load = changed(value="plug:Thing", error="ModuleNotFoundError", group="old.plugins", module="other.gone")
    (failure,) = failures(answers(loads=(load,)), [planned(plug)], survey(HOST, plug, OTHER), "bundle.toml")
    assert not failure.is_needed


def test_module_that_fails_is_reported_once() -> None:
    """Two entry points of one module that fail in the same way are one failure, and so is the plugin itself."""
    plugin: Outcome = {"name": "plug", "error": "RuntimeError", "message": "no licence"}
    assert len(found(LOAD, changed(name="again", value="plug.part:Other"), plugins=(plugin,))) == 1
    assert len(found(LOAD, changed(message="another"))) == 2


def test_host_that_cannot_be_called_is_reported_once() -> None:
    """The script of the host that is called is not reported as an entry point again."""
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
    """A plugin with entry points must be importable, whatever it raises."""
    (failure,) = found(plugins=({"name": "plug", "error": "RuntimeError", "message": "no"},))
    assert failure.is_needed
    assert failure.message == "it cannot be imported: RuntimeError: no"


@pytest.mark.parametrize(
    ("error", "is_needed"),
    [("ImportError", True), ("SyntaxError", True), ("SystemExit", True), ("RuntimeError", False), ("KeyError", False)],
)
def test_plugin_that_is_found_by_name_may_need_its_running_host(error: str, is_needed: bool) -> None:
    """Without entry points, only errors that its host could not prevent count."""
    plugin = planned(OTHER, name="other")
    given = answers(plugins=({"name": "other", "error": error, "message": "no"},))
    (failure,) = failures(given, [plugin], SURVEY, "bundle.toml")
    assert failure.is_needed is is_needed


def test_two_rows_of_one_distribution() -> None:
    """What fails in a distribution is reported for its first row."""
    rows = [planned(PLUG, name="first", modules=["plug.part"]), planned(PLUG, name="second", modules=["plug.part"])]
    (failure,) = failures(answers(loads=(LOAD,)), rows, SURVEY, "bundle.toml")
    assert failure.key == "bundle.toml: plugins.first"

"""The rules of a plan that do not need a stage, and how their findings are collected."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from onebin import __version__
from onebin.check.plan import (
    host_entry,
    missing_data,
    other_runtime,
    same_names,
    unknown_modules,
    unused_extension_points,
    unused_names,
)
from onebin.errors import ContractError, Finding, Findings, PlanError, StageError, TargetError
from support.builders import distribution, interpreter, manifest, plan, planned, survey

if TYPE_CHECKING:
    from pathlib import Path

    from onebin.survey import Distribution

SCRIPTS = [("console_scripts", "demo", "demo.cli:main"), ("gui_scripts", "demo-gui", "demo.gui:Window.run [gui]")]
HOST = distribution("Demo", modules=["demo"], entry_points=[*SCRIPTS, ("grp", "not-a-script", "demo:x")])


def test_entry_is_that_of_the_hosts_script() -> None:
    """The entry is that of the host's console or GUI script with the given name, without extras."""
    assert host_entry(manifest(), HOST, "host") == (("demo.cli", "main"), None)
    assert host_entry(manifest(host='package = "demo"\nscript = "demo-gui"'), HOST, "host") == (
        ("demo.gui", "Window.run"),
        None,
    )


def test_entry_may_be_named_by_the_manifest() -> None:
    """An entry in the manifest is used unchanged; the stage shows later whether it exists."""
    assert host_entry(manifest(host='package = "demo"\nentry = "any.where:Thing.run"'), HOST, "host") == (
        ("any.where", "Thing.run"),
        None,
    )


def programs_host(tmp_path: Path) -> Distribution:
    """Return a host that installs a Python script, one of an environment that can be moved, and two other programs."""
    texts = {
        "plain": "#!/usr/bin/python3\nprint()\n",
        "moved": "#!/bin/sh\n'''exec' \"$(dirname -- \"$0\")\"/'python' \"$0\" \"$@\"\n' '''\nprint()\n",
        "shell": "#!/bin/sh\necho\n",
        "binary": "\x7fELF python",
    }
    (tmp_path / "bin").mkdir()
    for name, text in texts.items():
        (tmp_path / "bin" / name).write_text(text, "utf-8")
    return distribution("Demo", site_packages=tmp_path / "lib", programs=[f"../bin/{name}" for name in texts])


@pytest.mark.parametrize("script", ["plain", "moved"])
def test_script_may_be_a_file_of_the_hosts_wheel(tmp_path: Path, script: str) -> None:
    """A Python script that the host's wheel installs is a script of the host, without an entry."""
    (tmp_path / "lib").mkdir()
    host = programs_host(tmp_path)
    asked = manifest(host=f'package = "demo"\nscript = "{script}"')
    assert host_entry(asked, host, "host") == (None, f"../bin/{script}")


@pytest.mark.parametrize("script", ["shell", "binary"])
def test_program_that_is_not_python_is_not_a_script(tmp_path: Path, script: str) -> None:
    """A program that Python does not run is not a script of the host."""
    (tmp_path / "lib").mkdir()
    with pytest.raises(PlanError) as caught:
        host_entry(manifest(host=f'package = "demo"\nscript = "{script}"'), programs_host(tmp_path), "host")
    assert (caught.value.findings[0].hint or "").startswith("it has: moved, plain")


@pytest.mark.parametrize(
    ("script", "host", "hint"),
    [
        ("dmeo", HOST, "it has: demo, demo-gui; did you mean 'demo'?"),
        ("not-a-script", HOST, "it has: demo, demo-gui"),
        ("demo", distribution("Demo"), "it has no console scripts"),
    ],
    ids=["typo", "other-group", "none"],
)
def test_missing_script_is_an_error(script: str, host: Distribution, hint: str) -> None:
    """A missing script is an error, and the hint lists the scripts of the host."""
    with pytest.raises(PlanError) as caught:
        host_entry(manifest(host=f'package = "demo"\nscript = "{script}"'), host, "bundle.toml: host")
    (finding,) = caught.value.findings
    assert (finding.where, finding.message) == ("bundle.toml: host.script", f"Demo 1.0 has no script '{script}'")
    assert hint in (finding.hint or "")


def test_entry_point_name_of_two_plugins_is_an_error() -> None:
    """Two plugins with an entry point of the same group and name are an error, since the host would see only one."""
    first = planned(distribution("first", entry_points=[("grp", "same", "first:x"), ("grp", "own", "first:x")]))
    second = planned(distribution("second", entry_points=[("grp", "same", "second:x"), ("other", "own", "second:x")]))
    (finding,) = same_names([first, second], "bundle.toml")
    assert finding.where == "bundle.toml: plugins.second"
    assert finding.message == "plugins first and second both register 'same' in grp"


def test_entry_point_name_twice_in_one_plugin_is_not_an_error() -> None:
    """The same entry point name twice in one plugin, or in two groups, is not an error."""
    twice = distribution(
        "first", entry_points=[("grp", "same", "first:x"), ("grp", "same", "first:y"), ("o", "same", "x")]
    )
    assert list(same_names([planned(twice)], "bundle.toml")) == []


def test_extension_point_that_no_plugin_extends_is_a_notice() -> None:
    """An extension point that no plugin extends is a notice that suggests a similar group."""
    tables = '[extension-points."demo.plugin"]\n[extension-points."demo.used"]\n'
    points = [("demo.plugins", "a", "plug"), ("demo.used", "a", "plug")]
    (notice,) = unused_extension_points(manifest(tables), [planned(distribution("plug", entry_points=points))])
    assert notice.startswith("no plugin extends the extension point 'demo.plugin' of the manifest")
    assert "demo.plugins" in notice


def test_modules_in_freeze_must_exist() -> None:
    """Modules in [freeze] must exist in a distribution or the standard library; a namespace package counts."""
    tables = '[freeze]\ninclude = ["demo.gone", "demo", "space", "json", "nothing"]\n'
    surveyed = survey(HOST, distribution("other", modules=["space.part"]), python=interpreter(library=["json"]))
    found = [(each.where, each.message) for each in unknown_modules(manifest(tables), surveyed, "bundle.toml")]
    assert found == [
        ("bundle.toml: freeze.include", "no locked distribution has a module 'demo.gone'"),
        ("bundle.toml: freeze.include", "no locked distribution has a module 'nothing'"),
    ]


def test_modules_that_only_other_pythons_have_are_called_so() -> None:
    """A module in [freeze] that the platform's Python does not have is no misspelling; one inside it exists."""
    surveyed = survey(HOST, python=interpreter(library=["json"]))
    (found,) = unknown_modules(manifest('[freeze]\ninclude = ["winreg", "sys"]\n'), surveyed, "bundle.toml")
    assert found.message == "Python 3.12.1 for linux-x86_64 does not have the module winreg"
    assert "other platforms" in str(found.hint)


def test_names_that_match_nothing_are_a_notice() -> None:
    """Names in `allow-source` and `exclude` for which there is nothing are said, with what was probably meant."""
    tables = (
        '[lock]\nallow-source = ["Othr", "demo", "*"]\n'
        '[freeze]\nexclude = ["space.prat", "jsn", "demo", "space", "winreg", "data.text", "unlike"]\n'
    )
    other = distribution("other", modules=["space.part"], data=["data/text/x.txt"])
    surveyed = survey(HOST, other, python=interpreter(library=["json"]))
    assert list(unused_names(manifest(tables), surveyed)) == [
        "[lock] allow-source has 'Othr', and no such package is locked; did you mean 'other'?",
        "[freeze] exclude has 'space.prat', and there is no such module; did you mean 'space.part'?",
        "[freeze] exclude has 'jsn', and there is no such module; did you mean 'json'?",
        "[freeze] exclude has 'unlike', and there is no such module",
    ]


def test_data_in_freeze_must_exist(tmp_path: Path) -> None:
    """Data in [freeze] must exist relative to the manifest's folder."""
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    tables = '[freeze.data]\na = "file"\nb = "folder"\nc = "gone"\n'
    (finding,) = missing_data(manifest(tables, directory=tmp_path), "bundle.toml")
    assert (finding.where, finding.message) == ("bundle.toml: freeze.data.c", "gone does not exist")
    assert finding.hint == "paths are relative to the manifest"


def test_another_version_of_the_runtime_is_a_notice() -> None:
    """If the host was locked with another version of the runtime than that of onebin, a notice says so."""
    assert list(other_runtime(survey(HOST))) == []
    assert list(other_runtime(survey(HOST, distribution("onebin-runtime", version=__version__)))) == []
    (notice,) = other_runtime(survey(HOST, distribution("onebin-runtime", version="0.0.1")))
    assert notice == f"the bundle gets onebin-runtime {__version__} from onebin, and not 0.0.1 as locked"


def test_plan_contains_its_inputs() -> None:
    """A plan has the lock, stage, interpreter and host of the survey, and the manifest's eager extension points."""
    surveyed = survey(HOST)
    tables = '[extension-points."grp"]\nload = "eager"\n[extension-points."other"]\n'
    found = plan(manifest(tables), surveyed)
    assert found.stage is surveyed.stage
    assert found.lock is surveyed.stage.lock
    assert found.interpreter is surveyed.stage.lock.interpreter
    assert found.host is HOST
    assert found.eager == ("grp",)


ONE, TWO = Finding("a", "one"), Finding("b", "two")


def test_no_findings_raise_nothing() -> None:
    """Nothing is raised if there are no findings."""
    findings = Findings()
    with findings:
        pass
    findings.add(PlanError, "plan", [])
    findings.check("everything")


def test_findings_of_one_kind_are_raised_as_that_error() -> None:
    """Findings of a single kind are raised as that error, with its summary and in their order."""
    findings = Findings()
    with findings:
        raise TargetError("too new", [ONE])
    findings.add(TargetError, "too new", [TWO])
    with pytest.raises(TargetError, match="too new") as caught:
        findings.check("everything")
    assert caught.value.findings == (ONE, TWO)


@pytest.mark.parametrize("other", [(TargetError, "too new"), (PlanError, "another summary")], ids=["error", "summary"])
def test_findings_of_several_kinds_are_raised_together(other: tuple[type[PlanError], str]) -> None:
    """Findings of several kinds are raised as one PlanError with the summary of the check, in their order."""
    findings = Findings()
    findings.add(ContractError, "misfits", [ONE])
    findings.add(*other, [TWO])
    with pytest.raises(PlanError, match="everything") as caught:
        findings.check("everything")
    assert type(caught.value) is PlanError
    assert caught.value.findings == (ONE, TWO)


def test_other_errors_are_not_collected() -> None:
    """An error without findings is raised immediately."""
    findings = Findings()
    with pytest.raises(StageError), findings:
        raise StageError("broken")
    findings.check("everything")

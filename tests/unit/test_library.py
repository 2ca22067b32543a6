"""The public library: its names, and its requests, results and events as plain data."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import pytest

import onebin
from onebin.card.report import Inspected
from onebin.check.order import Precedence
from onebin.measure import PluginImport, Start, Unmeasured, share_sizes, summarise
from onebin.rebuild.recovery import LocalPath
from onebin.trust.vulnerabilities import Audit, Subject, Vulnerability
from support.facts import FACTS
from support.reports import write_artifact

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MANIFEST = '[bundle]\nname = "x"\n\n[host]\npackage = "x"\nscript = "x"\n\n[plugins]\ny = ">=1"\n'


def _request(folder: Path) -> onebin.BuildRequest:
    file = folder / "bundle.toml"
    file.write_text(MANIFEST, "utf-8")
    return onebin.BuildRequest.load(
        file,
        output=folder / "out" / "x",
        source=onebin.PackageSource(wheelhouse=folder / "wheels"),
        locked=True,
        python=folder / "python3",
        full_probe=True,
        release=True,
        verify=False,
        commands=("{artifact} --version",),
        measure=True,
        moment=7,
    )


def _costs() -> onebin.Costs:
    child = onebin.Import(module="y.z", self_us=3, cumulative_us=3)
    times = summarise([(onebin.Import(module="y", self_us=2, cumulative_us=5, children=(child,)),)])
    return onebin.Costs(
        size=3,
        owners=share_sizes(FACTS, 3),
        plugins=(PluginImport(name="y", import_ms=0.005, times=times),),
        start=Start(command=None, start_ms=2.5, runs_ms=(2.5,), times=None),
        unmeasured=(Unmeasured(plugin="z", reason="it does not import", hint=None),),
    )


def _trial() -> onebin.Trial:
    return onebin.Trial(
        number=1,
        plugins=("y",),
        version=None,
        verdict="bad",
        ended="exit code 3",
        exit_code=3,
        output="oops",
        seconds=0.5,
    )


VALUES: dict[str, Callable[[Path], Any]] = {
    "build request": _request,
    "package source": lambda folder: onebin.PackageSource(offline=True, wheelhouse=folder),
    "plan": lambda _: onebin.PlanResult(
        name="x",
        host={"name": "x", "version": "1", "entry": "x:main"},
        plugins=(
            {"name": "y", "distribution": "y", "version": "1", "modules": ["y"], "entry_points": [("a", "b", "c")]},
        ),
        precedences=(Precedence("a", "b", "b depends on a"),),
        requires={"a": (), "b": ("a",)},
        graph=("1. y",),
        notices=("odd",),
        lock_sha256="0" * 64,
        python="3.12.1",
    ),
    "build": lambda folder: onebin.BuildResult(
        file=folder / "x",
        facts=FACTS,
        is_verified=True,
        is_new=False,
        size=3,
        size_before=None,
        costs=_costs(),
        seconds=0.5,
        steps=(onebin.StepFinished(step="lock", outcome="3 packages", seconds=0.5),),
        notices=("odd",),
    ),
    "new project": lambda folder: onebin.NewProject(
        directory=folder, files=("pyproject.toml",), notes=("odd",), next_steps=("onebin bundle",)
    ),
    "lint request": lambda folder: onebin.LintRequest(
        plugin="y", host="x", source=onebin.PackageSource(wheelhouse=folder)
    ),
    "lint": lambda _: onebin.LintResult(
        plugin="y",
        version="1",
        host=None,
        host_version=None,
        entry_points=(("a", "b", "c"),),
        modules=("y",),
        contracts={"a": "x:Y"},
        notices=("odd",),
    ),
    "lock": lambda folder: onebin.LockResult(
        file=folder / "pylock.x.toml",
        sha256="0" * 64,
        packages=({"name": "x", "version": "1"}, {"name": "y", "version": None}),
        changes=("+ y",),
    ),
    "vendor": lambda folder: onebin.VendorResult(directory=folder, files=2, size=3),
    "plugin status": lambda _: onebin.PluginStatus(
        name="y", wanted="y>=1", distribution="y", locked=None, contributes={"a": ("b",)}, modules=()
    ),
    "tree line": lambda _: onebin.TreeLine(
        depth=1, name="y", version="1", extras=("z",), versions=">=1", markers=('extra == "z"',), plugin="y"
    ),
    "why": lambda _: onebin.Why(
        name="y",
        kind="distribution",
        distributions={"y": "1"},
        chains=((onebin.TreeLine(depth=0, name="y", version="1"),),),
        extends={"a": ("b",)},
        imports=(onebin.ImportedBy(distribution="x", module="x.a", line=3, target="y"),),
        reasons=("odd",),
        size=3,
        others={"z": 4},
    ),
    "examined": lambda _: onebin.Examined(name="uv", ok=False, found="nothing", remedy="install it"),
    "inspected": lambda folder: Inspected(file=folder / "x", size=3, facts=FACTS),
    "artifact report": lambda folder: onebin.report_on(write_artifact(folder / "x", FACTS)),
    "verified": lambda folder: onebin.Verified(file=folder / "x", summary="all", signed_by=None, lock_sha256="0" * 64),
    "recovered": lambda folder: onebin.Recovered(
        manifest_file=folder / "bundle.toml",
        lock_file=folder / "pylock.x.toml",
        local=(LocalPath(what="host", path="host", package="x", locked_as="../host"),),
        facts=FACTS,
    ),
    "signed": lambda folder: onebin.Signed(file=folder / "x", signature=folder / "x.sig", signed_by="SHA256:abc"),
    "audit": lambda _: Audit(
        subject=Subject(
            name="x", packages={"x": "1"}, local=frozenset({"x"}), tools={"pyinstaller": "6"}, unchecked=("CPython",)
        ),
        advisories=1,
        vulnerabilities=(
            Vulnerability(
                package="x",
                version="1",
                id="A",
                aliases=("B",),
                summary="bad",
                severity=None,
                fixed="2",
                unclear=None,
                is_tool=False,
                is_local=True,
            ),
        ),
    ),
    "bisect request": lambda folder: onebin.BisectRequest(
        build=_request(folder),
        command=("{artifact}", "x"),
        directory=folder,
        timeout=2.5,
        timeout_is="skip",
        frozen=True,
    ),
    "plugin bisection": lambda _: onebin.PluginBisection(
        command="{artifact} x",
        culprits=(onebin.Culprit(name="y", distribution="y", version="1", is_required=False),),
        summary="y 1 makes it fail",
        output="oops",
        trials=(_trial(),),
    ),
    "version bisection": lambda _: onebin.VersionBisection(
        command="{artifact} x",
        package="y",
        first_bad="2",
        last_good=None,
        skipped=("1",),
        changes=("~ z 1 -> 2",),
        summary="y 2 is the first",
        output="oops",
        trials=(_trial(),),
    ),
    "step started": lambda _: onebin.StepStarted(step="lock"),
    "step advanced": lambda _: onebin.StepAdvanced(step="stage", doing="downloading y", done=1, total=2),
    "cells queued": lambda _: onebin.CellsQueued(step="build", cells=2),
    "cell advanced": lambda _: onebin.CellAdvanced(cell="full", step="stage", doing="downloading y", worker="x:1"),
    "cell finished": lambda _: onebin.CellFinished(cell="full", status="built", outcome="built"),
    "step finished": lambda _: onebin.StepFinished(step="lock", outcome="3 packages", seconds=0.5),
    "note": lambda _: onebin.Note(text="odd"),
    "detail": lambda _: onebin.Detail(text="+ y"),
    "output": lambda _: onebin.Output(line="building"),
}


@pytest.mark.parametrize("name", VALUES)
def test_values_survive_a_round_trip_through_json(name: str, tmp_path: Path) -> None:
    """Requests, results and events survive a round trip through JSON."""
    value = VALUES[name](tmp_path)
    text = json.dumps(onebin.to_json(value))
    assert onebin.from_json(type(value), json.loads(text)) == value


@pytest.mark.parametrize("name", ["step started", "step advanced", "step finished", "note", "detail", "output"])
def test_event_in_json_has_a_kind(name: str, tmp_path: Path) -> None:
    """The JSON of an event includes its kind, so that it is read back as the same event."""
    event = VALUES[name](tmp_path)
    assert onebin.from_json(onebin.Event, onebin.to_json(event)) == event


def test_event_without_a_kind_is_refused() -> None:
    """JSON that does not say which event it is is refused, also if its other members fit one."""
    with pytest.raises(ValueError, match="event"):
        onebin.from_json(onebin.Event, {"text": "odd"})


def test_json_that_is_not_a_request_is_refused(tmp_path: Path) -> None:
    """JSON with a missing member or one of the wrong type is refused as a request."""
    data = onebin.to_json(_request(tmp_path))
    for wrong in ({**data, "locked": "perhaps"}, {key: data[key] for key in data if key != "manifest"}):
        with pytest.raises(ValueError, match=r"locked|manifest"):
            onebin.from_json(onebin.BuildRequest, wrong)


@pytest.mark.parametrize(
    "change",
    [
        {"full_probe": False},
        {"release": False},
        {"verify": True},
        {"commands": ()},
        {"moment": 8},
        {"development": "0" * 64},
    ],
    ids=lambda change: next(iter(change)),
)
def test_option_that_affects_the_artifact_changes_the_identity(change: dict[str, Any], tmp_path: Path) -> None:
    """An option that affects the artifact changes the identity of the request."""
    request = _request(tmp_path)
    assert replace(request, **change).identity != request.identity


def test_paths_and_package_sources_are_not_part_of_the_identity(tmp_path: Path) -> None:
    """Another folder, package source or interpreter path does not change the identity of a request."""
    request = _request(tmp_path)
    other = replace(
        request,
        workspace=replace(request.workspace, cache_dir=tmp_path / "elsewhere"),
        source=onebin.PackageSource(),
        locked=False,
        python=None,
    )
    assert other.identity == request.identity


def test_every_field_is_tested_or_irrelevant_to_the_identity() -> None:
    """Each field of a request is either tested as part of its identity or listed as irrelevant to it."""
    tested = {"full_probe", "release", "verify", "commands", "moment", "development"}
    means = {"manifest", "workspace", "source", "locked", "python", "measure"}
    assert {each.name for each in fields(onebin.BuildRequest)} == tested | means


def test_every_public_name_can_be_imported() -> None:
    """Every public name of the library exists."""
    assert {name for name in dir(onebin) if not hasattr(onebin, name)} == set()
    assert {"BuildRequest", "plan", "bundle", "inspect", "verify", "Manifest", "OnebinError", "Events"} <= {
        *dir(onebin)
    }


def test_no_public_name_is_hidden_by_a_package() -> None:
    """Public names such as `onebin.verify` stay functions even after packages of the same name are imported."""
    script = """
import importlib, pkgutil, types
import onebin
for module in pkgutil.iter_modules(onebin.__path__):
    if module.name != "__main__":
        importlib.import_module(f"onebin.{module.name}")
importlib.import_module("onebin.pipeline.recipe")
print([name for name in dir(onebin) if isinstance(getattr(onebin, name), types.ModuleType)])
"""
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_library_imports_little_until_it_is_used() -> None:
    """`import onebin` alone loads none of the large dependencies."""
    script = "import onebin, sys; print({'pydantic', 'rich', 'click', 'tomlkit', 'cryptography'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "set()"


def test_audit_needs_either_an_artifact_or_a_lock(tmp_path: Path) -> None:
    """An audit with neither an artifact nor a lock, or with both, is a TypeError."""
    for artifact, lock in ((None, None), (tmp_path / "a", tmp_path / "b")):
        with pytest.raises(TypeError, match="either artifact or lock"):
            onebin.audit(databases=[], artifact=artifact, lock=lock)

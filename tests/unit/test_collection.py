"""What is collected into a bundle, as decided by a survey and a manifest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from onebin.codegen.collection import collect, declared_modules
from onebin.stage import Toolchain
from onebin.survey.syntax import Behaviour
from support.builders import distribution, interpreter, manifest, plan, planned, survey

if TYPE_CHECKING:
    from pathlib import Path

    from onebin.survey import Distribution

HOST = distribution("demo", modules=["demo", "demo.cli"])
PLUG = distribution("plug", modules=["plug", "plug.part"], entry_points=[("grp", "name", "plug")])
DEP = distribution("dep", modules=["dep", "dep.deep"])
LIBRARY = ("json", "json.decoder", "_hashlib", "pydoc")


class Bench:
    """Collects a bundle of a host, a plugin and other distributions; `tools` is the folder of the toolchain."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.tools = directory / "tools"
        self.tools.mkdir()

    def __call__(self, *others: Distribution, host: Distribution = HOST, tables: str = "") -> dict[str, Any]:
        """Return what is collected for a manifest with these tables."""
        surveyed = survey(host, PLUG, *others, python=interpreter(library=LIBRARY))
        bundle = plan(manifest(tables, directory=self.directory), surveyed, planned(PLUG))
        return collect(bundle, Toolchain(key="", directory=self.tools))


@pytest.fixture
def collected(tmp_path: Path) -> Bench:
    """Return a function that collects a bundle in a private folder."""
    return Bench(tmp_path)


def doing(**what: Any) -> Distribution:
    """Return a distribution with this behaviour."""
    return distribution("doer", modules=["doer"], behaviour=Behaviour(**what))


def test_all_modules_of_host_and_plugins_are_declared() -> None:
    """All modules of host and plugins are declared; PyInstaller finds the imported modules of dependencies."""
    bundle = plan(manifest(), survey(HOST, PLUG, DEP), planned(PLUG))
    assert declared_modules(bundle) == ["demo", "demo.cli", "plug", "plug.part"]


def test_included_modules_are_declared_with_their_parts() -> None:
    """[freeze] include declares a module and everything in it, from distributions and from the standard library."""
    surveyed = survey(
        HOST, PLUG, distribution("dep", modules=["dep", "dep.deep", "deputy"]), python=interpreter(library=LIBRARY)
    )
    bundle = plan(manifest('[freeze]\ninclude = ["dep", "json"]\n'), surveyed)
    assert declared_modules(bundle) == ["demo", "demo.cli", "dep", "dep.deep", "json", "json.decoder"]


def test_excluded_modules_are_not_declared() -> None:
    """[freeze] exclude leaves out a module and everything in it, even if [freeze] include names it too."""
    tables = '[freeze]\ninclude = ["dep"]\nexclude = ["dep.deep", "plug.part", "dem"]\n'
    assert declared_modules(plan(manifest(tables), survey(HOST, PLUG, DEP), planned(PLUG))) == [
        "demo",
        "demo.cli",
        "dep",
        "plug",
    ]


def test_excluded_modules_are_left_out_everywhere(collected: Bench) -> None:
    """Excluded modules are collected neither as modules nor as sources, and PyInstaller is told to exclude them."""
    found = collected(
        host=distribution("demo", modules=["demo", "demo.cli"], sources=["demo/cli.py", "demo/other.py"]),
        tables='[freeze]\nexclude = ["demo.cli"]\n',
    )
    assert "demo.cli" not in found["modules"]
    assert "demo.cli" in found["excludes"]
    assert [place for place, _ in found["sources"]] == ["demo/other.py"]


def test_toolchain_is_left_out_unless_it_is_staged(collected: Bench) -> None:
    """Modules that only the toolchain has are excluded; those that the stage has too are not."""
    for name in ("PyInstaller", "dep"):
        (collected.tools / name).mkdir()
    assert "PyInstaller" in collected(DEP)["excludes"]
    assert "dep" not in collected(DEP)["excludes"]


def test_unimported_modules_of_a_dependency_are_not_collected(collected: Bench) -> None:
    """Modules of a dependency are not declared, so that PyInstaller collects only those that are imported."""
    assert collected(DEP)["modules"] == ["demo", "demo.cli", "plug", "plug.part"]


def test_dependencys_entry_points_are_collected_if_they_are_used(collected: Bench) -> None:
    """A dependency's existing entry points, except scripts, are collected if host or plugins mention their group."""
    points = [
        ("grp", "a", "dep.deep:x"),
        ("other", "b", "dep:x"),
        ("grp", "c", "dep.gone"),
        ("console_scripts", "d", "dep:main"),
    ]
    dep = distribution("dep", modules=["dep", "dep.deep"], entry_points=points)
    host = distribution("demo", modules=["demo"], source="x = 'grp'\n")
    assert {"dep", "dep.deep", "dep.gone"} & {*collected(dep, host=host)["modules"]} == {"dep.deep"}
    assert not {"dep", "dep.deep"} & {*collected(dep)["modules"]}


def test_modules_that_are_run_as_programs_are_collected(collected: Bench) -> None:
    """Modules that are started with -m are collected, although no import statement names them."""
    assert "dep.deep" in collected(DEP, doing(run_as_main=("dep.deep",)))["modules"]


def test_modules_in_start_lines_are_collected(collected: Bench) -> None:
    """Modules that a .pth file imports at the start of the interpreter are collected."""
    dep = distribution("dep", modules=["dep", "dep.deep", "dep_more"], start_lines=["import dep.deep; dep.deep.go()"])
    assert {"dep", "dep.deep", "dep_more"} & {*collected(dep)["modules"]} == {"dep.deep"}



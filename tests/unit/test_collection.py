"""What an analysis begins with, and what build.json says about the files of an artifact."""

from __future__ import annotations

from dataclasses import replace
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
LIBRARY = ("json", "json.decoder")


class Bench:
    """Collects a bundle of a host, a plugin and other distributions; `tools` is the folder of the toolchain."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.tools = directory / "tools"
        self.tools.mkdir()

    def __call__(
        self, *others: Distribution, host: Distribution = HOST, tables: str = "", **changes: Any
    ) -> dict[str, Any]:
        """Return what is collected for a manifest with these tables; `changes` are those of the plan."""
        python = interpreter(library=None, prefix=self.directory / "python")
        for name in ("json/__init__.py", "json/decoder.py", "pydoc.py", "turtle.py"):
            (python.stdlib[0] / name).parent.mkdir(parents=True, exist_ok=True)
            (python.stdlib[0] / name).touch()
        surveyed = survey(host, PLUG, *others, python=python)
        bundle = plan(manifest(tables, directory=self.directory), surveyed, planned(PLUG))
        return collect(replace(bundle, **changes), Toolchain(key="", directory=self.tools))


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
    """Excluded modules are neither analysed nor in the artifact, even if something is known to need them."""
    doer = distribution("doer", modules=["doer"], behaviour=Behaviour(run_as_main=("demo.cli",)))
    for layout in ("cached", "onefile"):
        found = collected(doer, tables='[freeze]\nexclude = ["demo.cli"]\n', layout=layout)
        assert "demo.cli" not in found["modules"]
        assert "demo.cli" in found["excludes"]
        assert not any(place.endswith("demo/cli.py") for place in found["files"])
        assert any(place.endswith("demo/__init__.py") for place in found["files"])


def test_toolchain_is_left_out_unless_it_is_staged(collected: Bench) -> None:
    """Modules that only the toolchain has are excluded; those that the stage has too are not."""
    for name in ("PyInstaller", "dep"):
        (collected.tools / name).mkdir()
    assert "PyInstaller" in collected(DEP)["excludes"]
    assert "dep" not in collected(DEP)["excludes"]


def test_analysis_begins_with_host_plugins_and_the_start(collected: Bench) -> None:
    """The analysis begins with what host and plugins have, and finds what they import; the rest is there as source."""
    found = collected(DEP)
    assert found["modules"] == ["demo", "demo.cli", "onebin_start", "plug", "plug.part"]
    assert "lib/python3.12/site-packages/dep/deep.py" in found["files"]


def test_dependencys_entry_points_are_analysed_if_they_are_used(collected: Bench) -> None:
    """A dependency's existing entry points, except scripts, are analysed if host or plugins mention their group."""
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


def test_modules_that_are_run_as_programs_are_analysed(collected: Bench) -> None:
    """Modules that are started with -m are analysed, although no import statement names them."""
    assert "dep.deep" in collected(DEP, doing(run_as_main=("dep.deep",)))["modules"]


def test_modules_in_start_lines_are_analysed(collected: Bench) -> None:
    """Modules that a .pth file imports at the start of the interpreter are analysed."""
    dep = distribution("dep", modules=["dep", "dep.deep", "dep_more"], start_lines=["import dep.deep; dep.deep.go()"])
    assert {"dep", "dep.deep", "dep_more"} & {*collected(dep)["modules"]} == {"dep.deep"}


LEAN = '[freeze]\ncollect = "lean"\n'


def test_computed_imports_may_need_everything_that_is_locked(collected: Bench) -> None:
    """If anything imports computed names, a lean artifact has all locked modules, since any may be requested."""
    assert {"dep", "dep.deep"} <= {*collected(DEP, doing(imports_by_name=True), tables=LEAN)["modules"]}
    assert not {"dep", "dep.deep"} & {*collected(DEP, tables=LEAN)["modules"]}


def test_compiled_distributions_may_need_the_modules_they_name(collected: Bench, tmp_path: Path) -> None:
    """In a lean artifact, a compiled distribution has all its modules, and those whose names are in its bytes."""
    (tmp_path / "fast.so").write_bytes(b"\x7fELF\0json.decoder\0dep.deep\0turtle\0")
    fast = distribution("fast", modules={"fast": "fast.so", "fast_helper": "fast_helper.py"}, site_packages=tmp_path)
    found = {*collected(fast, DEP, tables=LEAN)["modules"]}
    assert {"fast", "fast_helper", "dep.deep", "json.decoder"} <= found
    assert not {"pydoc", "turtle"} & found  # turtle is in a part of the library that is left out


def test_foreign_code_may_need_the_whole_library(collected: Bench) -> None:
    """A lean host that runs its users' code gets the library, except what is left out; a dependency has no effect."""
    host = distribution("demo", modules=["demo"], behaviour=Behaviour(runs_foreign_code=True))
    library = {"json", "json.decoder", "pydoc"}
    assert library <= {*collected(host=host, tables=LEAN)["modules"]}
    assert "turtle" not in collected(host=host, tables=LEAN)["modules"]
    assert not library & {*collected(doing(runs_foreign_code=True), tables=LEAN)["modules"]}


def test_whole_tree_needs_no_guesses(collected: Bench) -> None:
    """A tree that has everything is analysed from what is likely, and a one-file program from what is possible."""
    assert "dep.deep" not in collected(DEP, doing(imports_by_name=True))["modules"]
    assert "dep.deep" in collected(DEP, doing(imports_by_name=True), layout="onefile")["modules"]


@pytest.mark.parametrize(
    ("source", "left_out"),
    [
        ("x = 1\n", {"_hashlib", "pydoc"}),
        ("import hashlib\n", {"pydoc"}),
        ("from ssl import x\n", {"pydoc"}),
        ("import pdb\n", {"_hashlib"}),
        ("help(x)\n", {"_hashlib"}),
    ],
)
def test_optional_parts_of_the_library_are_not_reached(collected: Bench, source: str, left_out: set[str]) -> None:
    """OpenSSL's hashes and pydoc are not in a lean artifact unless a distribution imports or calls what needs them."""
    dep = distribution("dep", modules=["dep"], source=source)
    assert {*collected(dep, tables=LEAN)["excludes"]} == left_out
    assert collected(dep)["excludes"] == []


@pytest.mark.parametrize("what", ["imports_by_name", "runs_foreign_code"])
def test_program_that_may_import_anything_reaches_all_of_the_library(collected: Bench, what: str) -> None:
    """A lean program with computed imports or foreign code reaches all parts of the standard library."""
    assert collected(doing(**{what: True}), tables=LEAN)["excludes"] == []


def test_only_lean_artifacts_leave_out_sources(collected: Bench) -> None:
    """A lean tree has no sources of the library, unless a program looks for the source of any module, as linters do."""
    assert collected(tables=LEAN)["sourceless"]
    assert not collected(doing(reads_others=True), tables=LEAN)["sourceless"]
    assert not collected()["sourceless"]


def test_lean_tree_may_do_without_dependencies_and_the_library(collected: Bench) -> None:
    """Host, plugins and all metadata must be in a lean tree; other files may be left out, by their distributions."""
    site, library = "lib/python3.12/site-packages", "python/lib/python3.12"
    dep = distribution("dep", modules=["dep"], metadata=["dep-1.0.dist-info/METADATA"])
    found = collected(dep, tables=LEAN)["optional"]
    assert found[f"{site}/dep.py"] == "dep"
    assert found[f"{library}/pydoc.py"] == ""
    assert not any("demo" in place or "plug" in place or "METADATA" in place for place in found)
    assert collected(dep)["optional"] == collected(dep, tables=LEAN, layout="onefile")["optional"] == {}


def test_files_of_a_tree_are_those_of_the_installation(collected: Bench) -> None:
    """A tree has the files and links of the installation, and its roots are in the order in which Python searches."""
    found = collected(distribution("dep", data=["dep.csv"]))
    assert found["files"]["lib/python3.12/site-packages/dep.csv"] == "stage/lib/python3.12/site-packages/dep.csv"
    assert found["links"]["bin/python"] == "python3.12"
    assert found["roots"] == [
        *("onebin", "bin", "python/lib/python3.12", "python/lib/python3.12/lib-dynload"),
        "lib/python3.12/site-packages",
    ]
    assert found["library"] in found["roots"]


def test_one_file_gets_the_files_of_distributions(collected: Bench) -> None:
    """In a one-file program, the files of distributions are beside its modules; there are no links and no programs."""
    up = "../../.."
    dep = distribution("dep", modules=["dep"], shared=[f"{up}/share/dep/x", f"{up}/etc/dep.conf", f"{up}/bin/dep"])
    found = collected(dep, layout="onefile")
    assert {*found["files"]} == {
        *("demo/__init__.py", "demo/cli.py", "plug/__init__.py", "plug/part.py", "dep.py"),
        *("share/dep/x", "etc/dep.conf"),
    }
    assert found["links"] == {}


@pytest.mark.parametrize(("tables", "expected"), [("", False), ('[extension-points.grp]\nload = "eager"\n', True)])
def test_start_is_only_prepared_if_plugins_need_it(collected: Bench, tables: str, *, expected: bool) -> None:
    """The start has nothing to prepare unless plugins are imported at start or run in their own process."""
    assert collected(tables=tables)["start_hook"] is expected


def test_start_is_prepared_if_the_program_may_say_what_it_is(tmp_path: Path) -> None:
    """With `about`, the start looks at the first argument."""
    wanted = manifest(host='package = "demo"\nscript = "demo"\nabout = "--onebin"')
    assert collect(plan(wanted, survey(HOST)), Toolchain(key="", directory=tmp_path))["start_hook"]


@pytest.mark.parametrize("value", ["true", "false"])
@pytest.mark.parametrize("key", ["python-variables", "quiet-exit", "compiled-patterns", "huge-pages"])
def test_manifest_decides_how_the_program_starts_and_ends(tmp_path: Path, key: str, value: str) -> None:
    """build.json has the keys of the manifest about start and end of the program."""
    wanted = manifest(host=f'package = "demo"\nscript = "demo"\n{key} = {value}')
    found = collect(plan(wanted, survey(HOST)), Toolchain(key="", directory=tmp_path))
    assert found[key.replace("-", "_")] is (value == "true")

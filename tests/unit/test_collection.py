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


def test_excluded_modules_of_dependencies_are_left_out(collected: Bench) -> None:
    """Excluded modules of dependencies are not collected, even if computed imports need all other modules."""
    found = collected(DEP, doing(imports_by_name=True), tables='[freeze]\nexclude = ["dep.deep"]\n')["modules"]
    assert {"dep", "dep.deep"} & {*found} == {"dep"}


def test_toolchain_is_left_out_unless_it_is_staged(collected: Bench) -> None:
    """Modules that only the toolchain has are excluded; those that the stage has too are not."""
    for name in ("PyInstaller", "dep"):
        (collected.tools / name).mkdir()
    assert "PyInstaller" in collected(DEP)["excludes"]
    assert "dep" not in collected(DEP)["excludes"]


def test_unimported_modules_of_a_dependency_are_not_collected(collected: Bench) -> None:
    """Modules of a dependency are not declared, so that PyInstaller collects only those that are imported."""
    assert collected(DEP)["modules"] == ["demo", "demo.cli", "plug", "plug.part"]


def test_computed_imports_collect_everything_that_is_locked(collected: Bench) -> None:
    """If anything imports computed names, all locked modules are collected, since any of them may be requested."""
    assert {"dep", "dep.deep"} <= {*collected(DEP, doing(imports_by_name=True))["modules"]}


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


def test_compiled_distributions_are_collected_with_the_modules_they_name(collected: Bench, tmp_path: Path) -> None:
    """A compiled distribution is collected with all its modules and with the modules whose names are in its bytes."""
    (tmp_path / "fast.so").write_bytes(b"\x7fELF\0json.decoder\0dep.deep\0")
    fast = distribution("fast", modules={"fast": "fast.so", "fast_helper": "fast_helper.py"}, site_packages=tmp_path)
    assert {"fast", "fast_helper", "dep.deep", "json.decoder"} <= {*collected(fast, DEP)["modules"]}
    assert "pydoc" not in collected(fast, DEP)["modules"]


def test_host_that_runs_foreign_code_gets_the_standard_library(collected: Bench) -> None:
    """A host that runs its users' code gets the whole standard library; a dependency that does so has no effect."""
    foreign = Behaviour(runs_foreign_code=True)
    host = distribution("demo", modules=["demo"], behaviour=foreign)
    assert {*LIBRARY} <= {*collected(host=host)["modules"]}
    assert not {*LIBRARY} & {*collected(doing(runs_foreign_code=True))["modules"]}


def test_artifact_that_is_an_interpreter_gets_the_standard_library(tmp_path: Path) -> None:
    """With [host] interpreter, the whole standard library is collected, since users may run any script."""
    wanted = manifest(host='package = "demo"\nscript = "demo"\ninterpreter = true')
    bundle = plan(wanted, survey(HOST, python=interpreter(library=LIBRARY)))
    found = collect(bundle, Toolchain(key="", directory=tmp_path))
    assert {*LIBRARY} <= {*found["modules"]}
    assert not {"_hashlib", "pydoc"} & {*found["excludes"]}


def test_modules_in_start_lines_are_collected(collected: Bench) -> None:
    """Modules that a .pth file imports at the start of the interpreter are collected."""
    dep = distribution("dep", modules=["dep", "dep.deep", "dep_more"], start_lines=["import dep.deep; dep.deep.go()"])
    assert {"dep", "dep.deep", "dep_more"} & {*collected(dep)["modules"]} == {"dep.deep"}


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
def test_rarely_used_parts_of_the_standard_library_are_left_out(
    collected: Bench, source: str, left_out: set[str]
) -> None:
    """OpenSSL's hashes and pydoc are left out unless a distribution imports or calls something that needs them."""
    assert {*collected(distribution("dep", modules=["dep"], source=source))["excludes"]} == left_out


@pytest.mark.parametrize("what", ["imports_by_name", "runs_foreign_code"])
def test_program_that_may_import_anything_gets_all_of_the_library(collected: Bench, what: str) -> None:
    """A program with computed imports or foreign code gets all parts of the standard library."""
    assert collected(doing(**{what: True}))["excludes"] == []


def test_modules_of_host_and_plugins_are_on_disk(collected: Bench) -> None:
    """Only modules of host and plugins are files on disk, since hosts scan folders for plugins."""
    assert collected(DEP)["on_disk"] == ["demo", "demo.cli", "plug", "plug.part"]


@pytest.mark.parametrize(
    "dep",
    [
        distribution("dep", modules=["dep"], behaviour=Behaviour(reads_itself=True)),
        distribution("dep", modules=["space.dep"]),
    ],
    ids=["reads-itself", "namespace"],
)
def test_some_dependencies_are_on_disk(collected: Bench, dep: Distribution) -> None:
    """Dependencies that read their own files, and portions of namespace packages, are on disk."""
    assert {*dep.modules} < {*collected(dep)["on_disk"]}


def test_manifest_may_keep_sources(collected: Bench) -> None:
    """A module in [freeze] keep-source puts its whole distribution on disk, with all its sources."""
    dep = distribution("dep", modules=["dep", "dep.deep"], sources=["dep/__init__.py", "dep/deep.py", "dep/x-y.py"])
    found = collected(dep, tables='[freeze]\nkeep-source = ["dep"]\n')
    assert {"dep", "dep.deep"} < {*found["on_disk"]}
    assert [place for place, _ in found["sources"]] == ["dep/__init__.py", "dep/deep.py", "dep/x-y.py"]


def test_hosts_copy_of_the_runtime_stays_in_the_archive(collected: Bench) -> None:
    """The host's copy of the runtime is not put on disk, since the bundle uses the runtime of onebin."""
    runtime = distribution("onebin-runtime", modules=["onebin_runtime"], behaviour=Behaviour(reads_itself=True))
    assert "onebin_runtime" not in collected(runtime)["on_disk"]


def test_data_of_all_distributions_is_collected(collected: Bench) -> None:
    """Each data file keeps its path below site-packages, and each shared file its path below the prefix."""
    dep = distribution("dep", data=["dep/table.csv"], shared=["../../../share/dep/x"])
    place, source = collected(dep)["data"]["dep"][1]
    assert (place, source) == ("share/dep/x", "stage/share/dep/x")
    assert collected(dep)["data"]["dep"][0] == ["dep/table.csv", "stage/lib/python3.12/site-packages/dep/table.csv"]


def test_files_for_tools_are_collected_from_host_and_plugins(collected: Bench) -> None:
    """A dependency's stubs are left out unless the bundle has a reader of stubs; its headers are always left out."""
    files = ["x/a.pyi", "x/b.h"]
    host, dep = distribution("demo", modules=["demo"], for_tools=files), distribution("dep", for_tools=files)
    reader = distribution("reader", source="x = 'a.pyi'\n")
    silent, reading = collected(dep, host=host)["data"], collected(dep, reader, host=host)["data"]
    assert [place for place, _ in silent["demo"]] == files
    assert silent["dep"] == []
    assert [place for place, _ in reading["dep"]] == ["x/a.pyi"]


def test_metadata_of_all_distributions_is_collected(collected: Bench) -> None:
    """Files of .dist-info folders go into a separate folder that the runtime reads."""
    dep = distribution("dep", metadata=["dep-1.0.dist-info/METADATA"])
    assert collected(dep)["always"] == [
        ["onebin_metadata/dep-1.0.dist-info/METADATA", "stage/lib/python3.12/site-packages/dep-1.0.dist-info/METADATA"]
    ]


def test_manifests_own_data_is_collected(collected: Bench) -> None:
    """A data file of the manifest goes into the named folder; the files of a folder keep their relative paths."""
    (collected.directory / "one.txt").write_text("x")
    (collected.directory / "many" / "deep").mkdir(parents=True)
    (collected.directory / "many" / "deep" / "two.txt").write_text("x")
    found = collected(tables='[freeze.data]\nfirst = "one.txt"\n"second/part" = "many"\n')["always"]
    assert [place for place, _ in found] == ["first/one.txt", "second/part/deep/two.txt"]


def test_linters_get_the_standard_librarys_sources(tmp_path: Path) -> None:
    """The standard library's sources are collected if anything may look for the source of any module."""
    python = interpreter(library=LIBRARY)
    vars(python)["library_sources"] = {"json/decoder.py": tmp_path / "decoder.py"}
    for reads_others, expected in ((True, [["json/decoder.py", str(tmp_path / "decoder.py")]]), (False, [])):
        surveyed = survey(HOST, doing(reads_others=reads_others), python=python)
        assert collect(plan(manifest(), surveyed), Toolchain(key="", directory=tmp_path))["always"] == expected


def test_every_recorded_file_is_listed_with_its_owner(collected: Bench) -> None:
    """Every file in RECORD is listed with its owner, so that the freeze can attribute what PyInstaller finds."""
    found = collected(distribution("dep", data=["dep.csv"]))["files"]
    assert {
        "demo/__init__.py": "demo",
        "demo/cli.py": "demo",
        "plug/part.py": "plug",
        "dep.csv": "dep",
    }.items() <= found.items()

"""Every file and module of a frozen tree has an owner, and those without one are reported together."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from onebin.card import BOOTLOADER, INTERPRETER, MANIFEST, ONEBIN, SYSTEM
from onebin.errors import FreezeError
from onebin.freeze.provenance import Places, attribute
from onebin.freeze.tree import Contents, Row
from onebin.stage import Toolchain
from support.builders import distribution, interpreter, manifest, plan, survey

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

HOST = distribution("Demo", modules=["demo", "demo.cli"], data=["demo/words.txt"], shared=["../../../share/demo/x.svg"])
# Both have shared.py, and the last by name installs it over the other's.
FIRST = distribution("A_first", modules=["single", "shared"])
LAST = distribution("Z-last", modules={"z": "z/__init__.py", "z.fast": "z/fast.so", "shared": "shared.py"})
TABLES = '[freeze.data]\n"demo/assets" = "assets"\n"demo/one" = "../beside/one.txt"\n'


class Tree:
    """The sources of the files in a frozen tree, in a private folder."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.site = directory / "cache" / "stage" / "lib" / "python3.12" / "site-packages"
        self.tools = directory / "cache" / "tools"
        self.library = directory / "python" / "lib" / "python3.12"
        self.library.mkdir(parents=True)
        (self.library / "struct.py").touch()
        python = replace(interpreter(), prefix=directory / "python", stdlib=(self.library, directory / "debian"))
        surveyed = survey(HOST, FIRST, LAST, python=python, directory=directory / "cache" / "stage")
        self.places = Places(
            plan=plan(manifest(TABLES, directory=directory / "project"), surveyed),
            toolchain=Toolchain(key="", directory=self.tools),
            source_dir=directory / "cache" / "freeze" / "source",
            work_dir=directory / "cache" / "freeze" / "work",
        )

    def owner(self, source: Path | str, *, place: str = "x", kind: str = "DATA") -> str | None:
        """Return the owner of a file with this source."""
        return self.places.owner(place, str(source), kind)

    def made(self, place: str, *, kind: str = "DATA") -> str | None:
        """Return the owner of a file that the freeze made at this path."""
        return self.owner(self.places.work_dir / "any" / "file", place=place, kind=kind)


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Return the sources of a frozen tree in a private folder."""
    return Tree(tmp_path)


def contents(*, modules: Iterable[Row] = (), binaries: Iterable[Row] = (), data: Iterable[Row] = ()) -> Contents:
    """Return the contents of a tree."""
    return Contents(modules=tuple(modules), binaries=tuple(binaries), data=tuple(data), archive={}, program={})


@pytest.mark.parametrize(
    ("file", "owner"),
    [
        ("demo/cli.py", "demo"),
        ("demo/words.txt", "demo"),
        ("z/fast.so", "z-last"),
        ("shared.py", "z-last"),
        ("../../../share/demo/x.svg", "demo"),
        ("demo/not-recorded.txt", None),
        ("Demo/cli.py", None),
        ("../../../share/demo/other.svg", None),
    ],
)
def test_staged_file_belongs_to_the_distribution_that_recorded_it(tree: Tree, file: str, owner: str | None) -> None:
    """A file in the stage belongs to the distribution that recorded it, to the last by name if there are several."""
    assert tree.owner(tree.site / file) == owner


def test_unrecorded_binary_has_no_owner(tree: Tree) -> None:
    """A shared library in the stage that no RECORD lists has no owner."""
    assert tree.owner(tree.site / "z" / "other.so", kind="EXTENSION") is None
    assert tree.owner(tree.site / "z" / "other.so", kind="BINARY") is None


@pytest.mark.parametrize(
    ("source", "kind", "owner"),
    [
        ("libx.so.1", "SYMLINK", SYSTEM),
        ("/anywhere/libx.so.1", "SYMLINK", SYSTEM),
        ("", "PYMODULE", INTERPRETER),
        ("built-in", "BUILTIN", INTERPRETER),
    ],
)
def test_links_and_modules_without_a_file_have_an_owner(tree: Tree, source: str, kind: str, owner: str) -> None:
    """Links belong to the system, and modules without a file to the interpreter."""
    assert tree.owner(source, kind=kind) == owner


def test_generated_source_belongs_to_onebin(tree: Tree) -> None:
    """All files in the folder of generated sources belong to onebin."""
    assert tree.owner(tree.places.source_dir / "entry.py", kind="PYSOURCE") == ONEBIN
    assert tree.owner(tree.places.source_dir / "onebin_runtime" / "x.json") == ONEBIN


@pytest.mark.parametrize(
    ("file", "owner"),
    [
        ("PyInstaller/loader/pyimod01_archive.py", BOOTLOADER),
        ("PyInstaller/fake-modules/pyi_splash.py", BOOTLOADER),
        ("PyInstaller/hooks/rthooks/pyi_rth_inspect.py", BOOTLOADER),
        ("PyInstaller/building/api.py", None),
        ("altgraph/Graph.py", None),
    ],
)
def test_only_the_bootloader_of_the_toolchain_may_be_collected(tree: Tree, file: str, owner: str | None) -> None:
    """Only the bootloader's files of the toolchain have an owner; other files of PyInstaller must not be collected."""
    assert tree.owner(tree.tools / file, kind="PYMODULE") == owner


def test_toolchain_in_a_folder_called_loader_is_not_the_bootloader(tmp_path: Path) -> None:
    """A toolchain that is itself in a folder called loader does not make all its files the bootloader's."""
    tree = Tree(tmp_path / "loader")
    assert tree.owner(tree.tools / "altgraph" / "Graph.py") is None


@pytest.mark.parametrize(
    ("place", "owner"),
    [
        ("demo/__pycache__/cli.cpython-312.pyc", "demo"),
        ("__pycache__/single.cpython-312.pyc", "a-first"),
        ("__pycache__/shared.cpython-312.pyc", "z-last"),
        ("json/__pycache__/decoder.cpython-312.pyc", INTERPRETER),
        ("demo/__pycache__/words.cpython-312.pyc", INTERPRETER),
        ("demo/cli.cpython-312.pyc", INTERPRETER),
        ("base_library.zip", INTERPRETER),
        ("single.dat", INTERPRETER),
    ],
)
def test_bytecode_belongs_to_the_owner_of_its_source(tree: Tree, place: str, owner: str) -> None:
    """Bytecode belongs to the owner of its source, and all other files that the freeze makes to the interpreter."""
    assert tree.made(place) == owner


def test_bytecode_of_a_script_with_a_dot_in_its_name_belongs_to_its_owner(tmp_path: Path) -> None:
    """Bytecode is matched to its source by everything before the interpreter's tag, even if the name has a dot."""
    tree = Tree(tmp_path)
    dotted = distribution("dotted", modules={"dotted": "dotted/__init__.py"}, sources=["dotted/run.v1.py"])
    surveyed = survey(HOST, dotted, directory=tmp_path / "cache" / "stage")
    tree.places = replace(tree.places, plan=plan(manifest(), surveyed))
    assert tree.made("dotted/__pycache__/run.v1.cpython-312.pyc") == "dotted"


def test_compiled_module_belongs_to_the_bootloader_unless_the_library_has_it(tree: Tree) -> None:
    """A compiled module belongs to the bootloader unless the standard library has it."""
    assert tree.made("pyimod02_importers", kind="PYMODULE") == BOOTLOADER
    assert tree.made("struct", kind="PYMODULE") == INTERPRETER


def test_data_of_the_manifest_belongs_to_it(tree: Tree) -> None:
    """Data belongs to the manifest that names it, by paths relative to the manifest that may leave its folder."""
    project = tree.directory / "project"
    assert tree.owner(project / "assets" / "deep" / "x.txt") == MANIFEST
    assert tree.owner(project / "../beside/one.txt") == MANIFEST
    assert tree.owner(project / "assets.txt") is None
    assert tree.owner(project / "other" / "x.txt") is None


def test_files_below_the_interpreters_folders_belong_to_it(tree: Tree) -> None:
    """Files below the interpreter's prefix or any folder of its standard library belong to the interpreter."""
    assert tree.owner(tree.library / "json" / "decoder.py", kind="PYMODULE") == INTERPRETER
    assert tree.owner(tree.directory / "python" / "lib" / "libpython3.12.so.1.0", kind="BINARY") == INTERPRETER
    assert tree.owner(tree.directory / "debian" / "x.py", kind="PYMODULE") == INTERPRETER
    assert tree.owner(tree.directory / "python-other" / "x.py", kind="PYMODULE") is None


@pytest.mark.parametrize("folder", ["_tcl_data", "_tk_data", "tcl8"])
def test_scripts_of_tcl_belong_to_the_interpreter(tree: Tree, folder: str) -> None:
    """Files whose first folder in the bundle is one of Tcl's belong to the interpreter, wherever they come from."""
    assert tree.owner(tree.directory / "usr" / "init.tcl", place=f"{folder}/init.tcl") == INTERPRETER
    assert tree.owner(tree.directory / "usr" / "init.tcl", place=f"x/{folder}/init.tcl") is None


def test_only_shared_libraries_may_belong_to_the_system(tree: Tree) -> None:
    """A shared library from elsewhere on the machine belongs to the system; other files from there have no owner."""
    library = tree.directory / "usr" / "lib" / "libssl.so.3"
    assert tree.owner(library, kind="BINARY") == SYSTEM
    assert tree.owner(library, kind="EXTENSION") == SYSTEM
    assert tree.owner(library, kind="DATA") is None
    assert tree.owner(library, kind="PYMODULE") is None


def test_places_are_sorted_by_owner(tree: Tree) -> None:
    """Modules, libraries and data of an owner are in one sorted list, and the owners are sorted."""
    found = attribute(
        contents(
            modules=[Row("z", str(tree.site / "z/__init__.py"), "PYMODULE"), Row("sys", "", "BUILTIN")],
            binaries=[Row("z/fast.so", str(tree.site / "z/fast.so"), "EXTENSION")],
            data=[
                Row("demo/words.txt", str(tree.site / "demo/words.txt"), "DATA"),
                Row("demo/copy.txt", str(tree.site / "demo/words.txt"), "DATA"),
            ],
        ),
        tree.places,
    )
    assert found == {
        "demo": ["demo/copy.txt", "demo/words.txt"],
        INTERPRETER: ["sys"],
        "z-last": ["z", "z/fast.so"],
    }
    assert list(found) == ["demo", INTERPRETER, "z-last"]


def test_everything_without_an_owner_is_reported_together(tree: Tree) -> None:
    """The error lists every module, library and data file without an owner, each with its source."""
    with pytest.raises(FreezeError) as caught:
        attribute(
            contents(
                modules=[Row("altgraph", str(tree.tools / "altgraph.py"), "PYMODULE"), Row("sys", "", "BUILTIN")],
                binaries=[Row("z/x.so", str(tree.site / "z/x.so"), "EXTENSION")],
                data=[Row("etc/passwd", "/somewhere/passwd", "DATA")],
            ),
            tree.places,
        )
    first, *lines = caught.value.message.splitlines()
    assert first == "PyInstaller collected files that belong to no locked distribution:"
    assert lines == [
        f"  altgraph (from {tree.tools / 'altgraph.py'})",
        f"  z/x.so (from {tree.site / 'z/x.so'})",
        "  etc/passwd (from /somewhere/passwd)",
    ]
    assert "[freeze.data]" in (caught.value.hint or "")


@pytest.mark.parametrize(("number", "last"), [(10, "  9 (from /else/9)"), (11, "  and 1 more")])
def test_ten_files_without_an_owner_are_listed(tree: Tree, number: int, last: str) -> None:
    """Only the first ten files without an owner are listed, and the others are counted."""
    rows = [Row(str(each), f"/else/{each}", "DATA") for each in range(number)]
    with pytest.raises(FreezeError) as caught:
        attribute(contents(data=rows), tree.places)
    lines = caught.value.message.splitlines()
    assert len(lines) == number + 1
    assert lines[-1] == last

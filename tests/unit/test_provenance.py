"""Every file and module of a frozen tree has an owner, and those without one are reported together."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from onebin.card import BOOTLOADER, C_LIBRARY, INTERPRETER, MANIFEST, ONEBIN, SYSTEM
from onebin.errors import FreezeError
from onebin.freeze.provenance import Origins, attribute
from onebin.freeze.tree import Contents, Row
from onebin.stage import Toolchain
from onebin.target.libc import Libc
from support.builders import distribution, interpreter, manifest, plan, survey

if TYPE_CHECKING:
    from collections.abc import Iterable

HOST = distribution(
    "Demo",
    modules=["demo", "demo.cli"],
    data=["demo/words.txt"],
    shared=["../../../share/demo/x.svg", "../../../bin/demo"],
)
# Both have shared.py, and the last by name installs it over the other's.
FIRST = distribution("A_first", modules=["single", "shared"])
LAST = distribution("Z-last", modules={"z": "z/__init__.py", "z.fast": "z/fast.so", "shared": "shared.py"})
SITE = "lib/python3.12/site-packages"
LIBRARY = "python/lib/python3.12"
TABLES = '[freeze.data]\n"demo/assets" = "assets"\n"demo/one" = "../beside/one.txt"\n'


class Tree:
    """The sources of the files in a frozen tree, in a private folder."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.site = directory / "cache" / "stage" / "lib" / "python3.12" / "site-packages"
        self.tools = directory / "cache" / "tools"
        self.library = directory / "python" / "lib" / "python3.12"
        python = replace(interpreter(), prefix=directory / "python", stdlib=(self.library, directory / "debian"))
        surveyed = survey(HOST, FIRST, LAST, python=python, directory=directory / "cache" / "stage")
        self.origins = Origins(
            plan=plan(manifest(TABLES, directory=directory / "project"), surveyed),
            toolchain=Toolchain(key="", directory=self.tools),
            source_dir=directory / "cache" / "freeze" / "source",
            work_dir=directory / "cache" / "freeze" / "work",
            starter=directory / "cache" / "launchers" / "python3.12-linux",
        )

    def owner(self, source: Path | str, *, place: str = "x", kind: str = "DATA") -> str | None:
        """Return the owner of a file with this source; without a source, the freeze has made it."""
        return self.origins.owner(place, str(source), kind)


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Return the sources of a frozen tree in a private folder."""
    return Tree(tmp_path)


def contents(*, modules: Iterable[Row] = (), files: Iterable[Row] = ()) -> Contents:
    """Return the contents of a tree."""
    return Contents(modules=tuple(modules), files=tuple(files), links={}, codes={}, identity="")


@pytest.mark.parametrize(
    ("file", "owner"),
    [
        ("demo/cli.py", "demo"),
        ("demo/words.txt", "demo"),
        ("z/fast.so", "z-last"),
        ("shared.py", "z-last"),
        ("../../../share/demo/x.svg", "demo"),
        ("../../../bin/demo", "demo"),
        ("demo/not-recorded.txt", None),
        ("Demo/cli.py", None),
        ("../../../share/demo/other.svg", None),
        ("../../../bin/activate", None),
    ],
)
def test_staged_file_belongs_to_the_distribution_that_recorded_it(tree: Tree, file: str, owner: str | None) -> None:
    """A file in the stage belongs to the distribution that recorded it, to the last by name if there are several."""
    assert tree.owner(tree.site / file) == owner


def test_unrecorded_binary_has_no_owner(tree: Tree) -> None:
    """A shared library in the stage that no RECORD lists has no owner."""
    assert tree.owner(tree.site / "z" / "other.so", kind="EXTENSION") is None
    assert tree.owner(tree.site / "z" / "other.so", kind="BINARY") is None


@pytest.mark.parametrize("source", ["built-in", "-"])
def test_modules_without_a_file_belong_to_the_interpreter(tree: Tree, source: str) -> None:
    """Modules without a file, as a one-file program lists them, belong to the interpreter."""
    assert tree.owner(source, kind="PYMODULE") == INTERPRETER


@pytest.mark.parametrize("name", ["entry.py", "onebin_runtime/x.json", "tree/pyvenv.cfg"])
def test_generated_source_belongs_to_onebin(tree: Tree, name: str) -> None:
    """Everything generated belongs to onebin, whether its path is absolute or relative to the folder of the freeze."""
    assert tree.owner(tree.origins.source_dir / name, kind="PYSOURCE") == ONEBIN
    assert tree.owner(Path(tree.origins.source_dir.name, name)) == ONEBIN


def test_interpreters_executable_belongs_to_onebin(tree: Tree) -> None:
    """The starter belongs to onebin; another file in its folder has no owner."""
    assert tree.origins.starter is not None
    assert tree.owner(tree.origins.starter, place="python/bin/python3.12") == ONEBIN
    assert tree.owner(tree.origins.starter.with_name("other")) is None


def test_bundled_c_library_is_its_own_owner(tree: Tree) -> None:
    """The files of a bundled C library are known as such; they belong to the system if they are not bundled."""
    library = tree.directory / "usr" / "libc.so.6"
    assert tree.owner(library, kind="BINARY") == SYSTEM
    libc = Libc(loader=tree.directory / "usr" / "ld.so", libraries={"libc.so.6": library})
    tree.origins = replace(tree.origins, plan=replace(tree.origins.plan, libc=libc))
    assert tree.owner(library) == C_LIBRARY
    assert tree.owner(libc.loader) == C_LIBRARY


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
        (f"{SITE}/demo/__pycache__/cli.cpython-312.pyc", "demo"),
        (f"{SITE}/__pycache__/single.cpython-312.pyc", "a-first"),
        (f"{SITE}/__pycache__/shared.cpython-312.pyc", "z-last"),
        (f"{LIBRARY}/__pycache__/single.cpython-312.pyc", INTERPRETER),
        (f"{LIBRARY}/encodings/__pycache__/utf_8.cpython-312.pyc", INTERPRETER),
        ("code.bin", ONEBIN),
    ],
)
def test_new_file_belongs_to_the_owner_of_what_it_was_made_from(tree: Tree, place: str, owner: str) -> None:
    """Bytecode belongs to the owner of its source, and code.bin to onebin."""
    assert tree.owner("", place=place) == owner


def test_work_of_pyinstaller_belongs_to_the_interpreter(tree: Tree) -> None:
    """What PyInstaller makes for a one-file program, such as an archive of the library, belongs to the interpreter."""
    assert tree.owner(tree.origins.work_dir / "base_library.zip", place="base_library.zip") == INTERPRETER


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


@pytest.mark.parametrize(
    "folder", ["lib/tcl8.6", "lib/tk8.6", "lib/tcl8", "lib/tcl9.0", "_tcl_data", "_tk_data", "tcl8"]
)
def test_scripts_of_tcl_belong_to_the_interpreter(tree: Tree, folder: str) -> None:
    """Scripts of Tcl belong to the interpreter, wherever they come from, in a tree and in one file."""
    script = tree.directory / "usr" / "init.tcl"
    assert tree.owner(script, place=f"{folder}/init.tcl") == INTERPRETER
    assert tree.owner(script, place=f"x/{folder}/init.tcl") is None
    assert tree.owner(script, place="lib/tclparser/init.tcl") is None


def test_only_shared_libraries_may_belong_to_the_system(tree: Tree) -> None:
    """A shared library from elsewhere on the machine belongs to the system; other files from there have no owner."""
    library = tree.directory / "usr" / "lib" / "libssl.so.3"
    assert tree.owner(library, kind="BINARY") == SYSTEM
    assert tree.owner(library, kind="EXTENSION") == SYSTEM
    assert tree.owner(library, kind="DATA") is None
    assert tree.owner(library, kind="PYMODULE") is None


def test_places_are_sorted_by_owner(tree: Tree) -> None:
    """The modules and files of an owner are in one sorted list, and the owners are sorted."""
    found = attribute(
        contents(
            modules=[
                Row("z", str(tree.site / "z/__init__.py"), "PYMODULE"),
                Row("os", str(tree.library / "os.py"), ""),
            ],
            files=[
                Row(f"{SITE}/z/fast.so", str(tree.site / "z/fast.so"), "EXTENSION"),
                Row(f"{SITE}/demo/words.txt", str(tree.site / "demo/words.txt"), "DATA"),
                Row(f"{SITE}/demo/copy.txt", str(tree.site / "demo/words.txt"), "DATA"),
                Row("python/lib/os.so", str(tree.library / "os.so"), "DATA", "python/lib/os.so"),
            ],
        ),
        tree.origins,
    )
    assert found == {
        "demo": [f"{SITE}/demo/copy.txt", f"{SITE}/demo/words.txt"],
        INTERPRETER: ["os", "python/lib/os.so"],
        "z-last": [f"{SITE}/z/fast.so", "z"],
    }
    assert list(found) == ["demo", INTERPRETER, "z-last"]


def test_everything_without_an_owner_is_reported_together(tree: Tree) -> None:
    """The error lists every module and file without an owner, each with its source."""
    with pytest.raises(FreezeError) as caught:
        attribute(
            contents(
                modules=[Row("altgraph", str(tree.tools / "altgraph.py"), "PYMODULE"), Row("code", "", "PYMODULE")],
                files=[
                    Row(f"{SITE}/z/x.so", str(tree.site / "z/x.so"), "EXTENSION"),
                    Row("etc/passwd", "/somewhere/passwd", "DATA"),
                ],
            ),
            tree.origins,
        )
    first, *lines = caught.value.message.splitlines()
    assert first == "the freeze collected files that belong to no locked distribution:"
    assert lines == [
        f"  altgraph (from {tree.tools / 'altgraph.py'})",
        f"  {SITE}/z/x.so (from {tree.site / 'z/x.so'})",
        "  etc/passwd (from /somewhere/passwd)",
    ]
    assert "[freeze.data]" in (caught.value.hint or "")


@pytest.mark.parametrize(("number", "last"), [(10, "  9 (from /else/9)"), (11, "  and 1 more")])
def test_ten_files_without_an_owner_are_listed(tree: Tree, number: int, last: str) -> None:
    """Only the first ten files without an owner are listed, and the others are counted."""
    rows = [Row(str(each), f"/else/{each}", "DATA") for each in range(number)]
    with pytest.raises(FreezeError) as caught:
        attribute(contents(files=rows), tree.origins)
    lines = caught.value.message.splitlines()
    assert len(lines) == number + 1
    assert lines[-1] == last

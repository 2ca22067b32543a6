"""What the freeze makes of the files of an installation: shared libraries, code, bytecode, and the tree's identity."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
import marshal
import os
import shutil
import subprocess
import sys
import zipfile
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from onebin.freeze.driver.tree import columns, files as tree, symbols
from support.driver import ROOTS, SITE, WANTED, renamed, written

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from conftest import Build


def files_of(folder: Path, files: Mapping[str, str]) -> tree.Files:
    """Return the files of a tree, with a folder for what is made."""
    return tree.Files(dataclasses.replace(WANTED, files=dict(files)), folder / "made")


def test_made_file_takes_the_place_of_its_source(tmp_path: Path) -> None:
    """A copy goes to its place instead of its source, which stays on record; a new file has no source."""
    files = files_of(tmp_path, written(tmp_path / "stage", {"a.so": "source", "b.txt": "b"}))
    files.make("a.so").write_text("copy")
    files.make("new/code.bin").write_text("new")
    assert {place: files.file(place).read_text() for place in files.sources} == {
        "a.so": "copy",
        "b.txt": "b",
        "new/code.bin": "new",
    }
    stage = tmp_path / "stage"
    assert files.rows() == [
        ("a.so", str(stage / "a.so"), "DATA", "a.so"),
        ("b.txt", str(stage / "b.txt"), "DATA", ""),
        ("new/code.bin", "", "DATA", "new/code.bin"),
    ]


def test_libraries_and_data_from_outside_are_added(tmp_path: Path) -> None:
    """Shared libraries from outside go beside the interpreter's, and data that hooks find beside the modules."""
    files = files_of(tmp_path, {})
    binaries = [("libssl.so.3", "/usr/lib/libssl.so.3", "BINARY"), ("sub/x.so", "/opt/x.so", "EXTENSION")]
    datas = [("gi_typelibs/Gtk.typelib", "/usr/lib/Gtk.typelib", "DATA")]
    tree.add_found(files, WANTED, binaries, datas)
    assert files.rows() == [
        (f"{SITE}/gi_typelibs/Gtk.typelib", "/usr/lib/Gtk.typelib", "DATA", ""),
        ("python/lib/libssl.so.3", "/usr/lib/libssl.so.3", "BINARY", ""),
        ("python/lib/sub/x.so", "/opt/x.so", "EXTENSION", ""),
    ]


@pytest.mark.parametrize(
    ("place", "source", "expected"),
    [
        ("_tcl_data/init.tcl", "/usr/share/tcltk/tcl8.6/init.tcl", "lib/tcl8.6/init.tcl"),
        ("_tcl_data/encoding/big5.enc", "/opt/lib/tcl9.0/encoding/big5.enc", "lib/tcl9.0/encoding/big5.enc"),
        ("_tk_data/tk.tcl", "/usr/share/tcltk/tk8.6/tk.tcl", "lib/tk8.6/tk.tcl"),
        ("tcl8/8.5/msgcat-1.6.1.tm", "/usr/share/tcltk/tcl8/8.5/msgcat-1.6.1.tm", "lib/tcl8/8.5/msgcat-1.6.1.tm"),
    ],
)
def test_scripts_of_tcl_are_where_tcl_looks(tmp_path: Path, place: str, source: str, expected: str) -> None:
    """The scripts of Tcl and Tk are in the folders with their versions, beside the folder of the interpreter."""
    files = files_of(tmp_path, {})
    tree.add_found(files, WANTED, [], [(place, source, "DATA")])
    assert files.sources == {expected: source}


def test_files_of_the_installation_are_not_added_again(tmp_path: Path) -> None:
    """What the analysis finds inside the installation has its place already, by whatever path it was found."""
    inside = written(tmp_path / "stage", {f"{SITE}/fast.so": "", f"{SITE}/words.txt": ""})
    (tmp_path / "other").symlink_to(tmp_path / "stage")
    files = files_of(tmp_path, inside)
    elsewhere = str(tmp_path / "other" / SITE)
    for folder in (str(tmp_path / "stage" / SITE), elsewhere):
        datas = [("words.txt", f"{folder}/words.txt", "DATA")]
        tree.add_found(files, WANTED, [("fast.so", f"{folder}/fast.so", "EXTENSION")], datas)
    assert files.sources == inside


def test_taken_places_and_other_entries_are_left_alone(tmp_path: Path) -> None:
    """An added file replaces nothing; links, metadata and the archive of the library are not added."""
    files = files_of(tmp_path, {"python/lib/libc.so.6": "/glibc/libc.so.6"})
    binaries = [
        *(("libc.so.6", "/usr/lib/libc.so.6", "BINARY"), ("libx.so", "pkg/libx.so", "SYMLINK")),
        *(("twice.so", "/a/twice.so", "BINARY"), ("twice.so", "/b/twice.so", "BINARY")),
    ]
    datas = [
        *(("pkg-1.0.dist-info/METADATA", "/x/METADATA", "DATA"), ("old.egg-info/PKG-INFO", "/x/PKG-INFO", "DATA")),
        *(("base_library.zip", "/made/base_library.zip", "DATA"), ("link", "there", "SYMLINK")),
        ("pkg/x.dist-info/METADATA", "/x/inner", "DATA"),
    ]
    tree.add_found(files, WANTED, reversed(binaries), reversed(datas))
    assert files.sources == {
        "python/lib/libc.so.6": "/glibc/libc.so.6",
        "python/lib/twice.so": "/a/twice.so",
        f"{SITE}/pkg/x.dist-info/METADATA": "/x/inner",
    }


@pytest.mark.skipif(sys.platform != "linux", reason="binaries are changed on Linux only")
def test_system_binaries_are_replaced_by_stripped_copies(build: Build, tmp_path: Path) -> None:
    """Symbols and the runpath are removed from copies; originals, distributions' and kept files are unchanged."""
    stage = tmp_path / "stage"
    stage.mkdir()
    source = "static int hidden(void) { return 1; } int f(void) { return hidden(); }"
    library = build(tmp_path / "draw.so", source)
    before = library.read_bytes()
    program = Path(shutil.copy(library, tmp_path / "program"))
    program.chmod(0o500)
    library.chmod(0o400)
    sources = {
        "python/lib/draw.so": str(library),
        "bin/program": str(program),
        "kept.so": str(library),
        f"{SITE}/draw.so": str(shutil.copy(library, stage)),
        **written(tmp_path / "x", {"text": "text"}),
    }
    files = files_of(tmp_path, sources)
    forgotten: list[str] = []
    tree.make_lean(
        files,
        kept=["kept.so"],
        stage=str(stage),
        strip=symbols.strip,
        forget_runpath=forgotten.append,
        is_binary=tree.is_elf,
    )
    assert {*files.copies} == {"python/lib/draw.so", "bin/program"}
    assert {*forgotten} == {str(files.file(place)) for place in files.copies}
    assert files.file("python/lib/draw.so").stat().st_size < len(before)
    assert library.read_bytes() == before
    assert [bool(files.file(place).stat().st_mode & 0o100) for place in sorted(files.copies)] == [True, False]
    assert files.sources == sources


def test_modules_are_found_by_where_their_files_are(tmp_path: Path) -> None:
    """Every module has the name by which it is imported from its root: the innermost of the roots that have it."""
    extension = EXTENSION_SUFFIXES[0]
    places = (
        *("onebin/onebin_start.py", "bin/helper.py", "bin/tiny", "elsewhere/x.py"),
        *(f"{ROOTS[2]}/json/__init__.py", f"{ROOTS[2]}/json/decoder.py", f"{ROOTS[3]}/_json{extension}"),
        *(f"{SITE}/space/part.py", f"{SITE}/fast.abi3.so", f"{SITE}/pkg/words.txt"),
        *(f"{SITE}/other.cpython-27.so", f"{SITE}/run.v1.py", f"{SITE}/__init__.py"),
    )
    found = list(tree.modules_of(files_of(tmp_path, dict.fromkeys(places, "x.py")), ROOTS, EXTENSION_SUFFIXES))
    assert {(each.name, each.root, each.path, each.is_package) for each in found} == {
        ("onebin_start", 0, "onebin_start.py", False),
        ("helper", 1, "helper.py", False),
        ("json", 2, "json/__init__.py", True),
        ("json.decoder", 2, "json/decoder.py", False),
        ("_json", 3, f"_json{extension}", False),
        ("space.part", 4, "space/part.py", False),
        ("fast", 4, "fast.abi3.so", False),
    }


def test_lean_tree_has_what_is_reached_and_its_data(tmp_path: Path) -> None:
    """Of what is optional, a lean tree has what is reached, the data of its distributions, and that beside modules."""
    library = ROOTS[2]
    optional = {
        **dict.fromkeys(
            [f"{SITE}/used/__init__.py", f"{SITE}/used/gone.py", f"{SITE}/used/x.txt", "share/used"], "used"
        ),
        **dict.fromkeys([f"{SITE}/unused.py", f"{SITE}/unused.txt", "bin/unused"], "unused"),
        **dict.fromkeys([f"{library}/abc.py", f"{library}/gone.py", f"{library}/LICENSE", "python/include/x.h"], ""),
        **dict.fromkeys([f"{library}/json/__init__.py", f"{library}/json/gone.py", f"{library}/json/data.txt"], ""),
        **dict.fromkeys([f"{library}/gone/__init__.py", f"{library}/gone/data.txt"], ""),
    }
    texts = dict.fromkeys([*optional, f"{SITE}/host.py", "bin/host", "bin/host.exe", "bin/unused.exe"], "")
    files = written(tmp_path, texts)
    reached = {os.path.realpath(files[place]) for place in (f"{SITE}/used/__init__.py", f"{library}/json/__init__.py")}
    wanted = dataclasses.replace(WANTED, files=files, optional=optional)
    gone = {place for place in optional if "gone" in place or "unused" in place}
    gone |= {f"{library}/LICENSE", "python/include/x.h", "bin/unused.exe"}
    assert tree.without_unreached(wanted, reached, {"abc"}).keys() == files.keys() - gone


def test_modules_in_base_library_are_known_by_name(tmp_path: Path) -> None:
    """The modules that PyInstaller keeps in an archive of their own are known by their names."""
    with zipfile.ZipFile(tmp_path / "base.zip", "w") as archive:
        for name in ("abc.pyc", "encodings/__init__.pyc", "encodings/utf_8.pyc"):
            archive.writestr(name, b"")
    datas = [("x", "/nowhere", "DATA"), ("base_library.zip", str(tmp_path / "base.zip"), "DATA")]
    assert tree.early_modules(datas) == {"abc", "encodings", "encodings.utf_8"}
    assert tree.early_modules(datas[:1]) == set()


class Bench:
    """Makes the entries of code.bin from sources in a private folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, texts: Mapping[str, str], reached: Iterable[str]) -> dict[tuple[str, int], bytes | None]:
        """Return the code of each listed module, by name and root; `reached` are places."""
        files = files_of(self.folder, written(self.folder / "stage", texts))
        modules = list(tree.modules_of(files, ROOTS, EXTENSION_SUFFIXES))
        wanted = {each.name: each.source for each in modules if f"{ROOTS[each.root]}/{each.path}" in reached}
        coder = tree.Coder(None, 0, renamed, columns.forget)
        found = list(tree.entries(modules, ROOTS, wanted, coder, has_source=lambda place: True))
        assert all(entry["size"] == len(texts[f"{ROOTS[entry['root']]}/{entry['path']}"]) for entry in found)
        order = [(entry["root"], entry["name"]) for entry in found]
        assert order == sorted(order)
        return {(entry["name"], entry["root"]): entry["code"] for entry in found}


@pytest.fixture
def listed(tmp_path: Path) -> Bench:
    """Return a function that makes the entries of code.bin."""
    return Bench(tmp_path)


def test_modules_that_are_reached_have_code(listed: Bench) -> None:
    """What is reached has code, compiled under its place in the tree."""
    place = f"{SITE}/pkg/part.py"
    code = listed({place: "def f(): return 7\n"}, [place])["pkg.part", 4]
    assert code is not None
    made = marshal.loads(code)  # noqa: S302  # made in the line above
    assert {made.co_filename, made.co_consts[0].co_filename} == {place}


def test_all_modules_are_listed_except_those_of_the_last_root(listed: Bench) -> None:
    """Of the last root only what is reached is listed; of the others everything, so that the rest is not there."""
    library = ROOTS[2]
    unreached = ["onebin/own.py", f"{library}/unused.py", f"{ROOTS[3]}/_json{EXTENSION_SUFFIXES[0]}"]
    reached = [f"{library}/used.py", f"{SITE}/used_too.py", f"{SITE}/fast.so"]
    found = listed(dict.fromkeys([*unreached, *reached, f"{SITE}/unused_too.py", f"{SITE}/slow.so"], ""), reached)
    assert {name for name, _ in found} == {"own", "unused", "_json", "used", "used_too", "fast"}
    assert {name for (name, _), code in found.items() if code is not None} == {"used", "used_too"}


def test_only_the_file_that_was_reached_has_code(listed: Bench) -> None:
    """Of two files of one name, only the one that the analysis has read has code."""
    texts = {f"{ROOTS[2]}/same.py": "", f"{SITE}/same.py": ""}
    first, second = (listed(texts, [place]) for place in texts)
    assert {root: code is not None for (_, root), code in first.items()} == {2: True}
    assert {root: code is not None for (_, root), code in second.items()} == {2: False, 4: True}


def test_source_that_does_not_compile_has_no_code(listed: Bench) -> None:
    """A source that this Python cannot compile is listed without code, and fails when it is imported, as installed."""
    places = [f"{SITE}/bad.py", f"{SITE}/null.py", f"{SITE}/latin.py"]
    found = listed(dict(zip(places, ("def {{ name }}", "x = '\0'", "# coding: nonsense\n"), strict=True)), places)
    assert found == {("bad", 4): None, ("null", 4): None, ("latin", 4): None}


def test_only_code_can_stand_for_a_source(tmp_path: Path) -> None:
    """Where the source is not in the tree, a module with code has no size of a source; one without code keeps it."""
    places = [f"{ROOTS[2]}/{name}.py" for name in ("code", "bad", "whole", "unreached")]
    texts = dict.fromkeys(places, "x = 1\n") | {places[1]: "def {{ name }}"}
    modules = list(tree.modules_of(files_of(tmp_path, written(tmp_path / "stage", texts)), ROOTS, EXTENSION_SUFFIXES))
    reached = {each.name: each.source for each in modules if each.name != "unreached"}
    coder = tree.Coder(None, 0, renamed, columns.forget)
    found = tree.entries(modules, ROOTS, reached, coder, has_source=lambda place: "whole" in place)
    assert {entry["name"]: entry["size"] for entry in found} == {"code": None, "bad": 14, "whole": 6, "unreached": 6}


SOURCE = """
'''Many names, and constants that could be shared or ordered.'''
NAMES = {"alpha", "beta", "gamma", "delta"}
if NAMES in ({"one", "two", "three"}, frozenset({"one", "two"})): pass
def function(alpha, beta=("alpha", 1.5, 2 ** 70)): return alpha in {"one", "two", "three", "four"}
class Kind:
    alpha = b"alpha"
    def method(self): return lambda: function(self, "alpha")
"""
CODE = """
import marshal, runpy, sys
sys.path[:0] = {path!r}
from onebin.freeze.driver import bytecode
from onebin.freeze.driver.tree import columns, files as tree, symbols
from support.driver import renamed
bytecode.steady()
noise = [sys.intern(name) for name in ("alpha", "function", "gamma")] if {noise} else []
known = None
if {known}:
    compiled = compile(open({source!r}, "rb").read(), "/elsewhere/x.py", "exec", dont_inherit=True, optimize=0)
    known = {{"x": marshal.loads(marshal.dumps(compiled))}}
sys.stdout.buffer.write(tree.Coder(known, 0, renamed, columns.forget).code("x", {source!r}, "lib/x.py"))
"""


def test_same_source_gives_the_same_code(tmp_path: Path) -> None:
    """Code has the same bytes whoever compiled it, the analysis or this, and whatever else is in memory."""
    source = tmp_path / "x.py"
    source.write_text(SOURCE, "utf-8")
    path = [str(Path(tree.__file__).parents[3]), str(Path(__file__).parents[1])]
    found = set()
    for known, noise in ((False, False), (False, True), (True, False), (True, True)):
        program = CODE.format(path=path, source=str(source), known=known, noise=noise)
        env = {**os.environ, "PYTHONHASHSEED": "0"}
        found.add(subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, check=True).stdout)
    assert len(found) == 1


def test_known_code_is_not_compiled_again(tmp_path: Path) -> None:
    """Code from the analysis is used, under its place in the tree, without reading the source again."""
    known = {"x": compile("y = 2\n", "/elsewhere/x.py", "exec")}
    found = tree.Coder(known, 0, renamed, columns.forget).code("x", str(tmp_path / "gone.py"), "lib/x.py")
    assert found is not None
    code = marshal.loads(found)  # noqa: S302  # made in the lines above
    assert (code.co_filename, code.co_names) == ("lib/x.py", ("y",))


@pytest.mark.parametrize("optimize", [0, 1, 2])
def test_interpreters_first_modules_come_with_bytecode(tmp_path: Path, optimize: int) -> None:
    """What the interpreter imports first has bytecode that Python uses at its level, without checking the source."""
    library = Path(os.__file__).parent
    names = ["encodings/__init__.py", "encodings/utf_8.py", "encodings/aliases.py", "this.py"]
    files = files_of(tmp_path, {f"lib/{name}": str(library / name) for name in names})
    tree.add_early_bytecode(files, tree.Coder(None, optimize, renamed, columns.forget), tree.imported_before())
    made = {place for place, source in files.sources.items() if not source}
    expected = [name for name in names if name != "this.py"]  # nobody imports it at start
    assert made == {importlib.util.cache_from_source(f"lib/{name}", optimization=optimize or "") for name in expected}
    for place in files.sources:
        (tmp_path / "tree" / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(files.file(place), tmp_path / "tree" / place)
    (tmp_path / "tree/lib/encodings/aliases.py").write_text("raise SystemExit('read the source')\n", "utf-8")
    code = (
        "import importlib.machinery as m, types; "
        "loader = m.SourceFileLoader('aliases', 'lib/encodings/aliases.py'); module = types.ModuleType('aliases'); "
        "loader.exec_module(module); print(module.aliases['latin1'], module.__doc__ is None)"
    )
    options = [f"-{'O' * optimize}"] if optimize else []
    command = [sys.executable, *options, "-c", code]
    done = subprocess.run(command, cwd=tmp_path / "tree", capture_output=True, text=True, check=True)
    assert done.stdout == f"latin_1 {optimize == 2}\n"


@pytest.mark.parametrize("change", ["content", "place", "new", "gone", "copy", "link", "new link", "link for a file"])
def test_identity_is_that_of_every_place_content_and_link(tmp_path: Path, change: str) -> None:
    """Any other content, place or link gives another identity; where the files come from does not matter."""
    texts, links = {"a": "one", "b/c": "two"}, {"bin/python": "python3"}
    before = tree.identity(files_of(tmp_path, written(tmp_path / "one", texts)), links)
    assert tree.identity(files_of(tmp_path, written(tmp_path / "two", dict(reversed(texts.items())))), links) == before
    sources = written(tmp_path / "three", texts)
    if change == "content":
        Path(sources["a"]).write_text("other")
    elif change == "place":
        sources["b/d"] = sources.pop("b/c")
    elif change == "new":
        sources |= written(tmp_path / "three", {"new": ""})
    elif change == "gone":
        del sources["a"]
    elif change == "link":
        links = {"bin/python": "python3.12"}
    elif change == "new link":
        links = {**links, "bin/python3": "python3"}
    elif change == "link for a file":
        links = {**links, "a": hashlib.sha256(b"one").hexdigest()}
        del sources["a"]
    files = files_of(tmp_path, sources)
    if change == "copy":
        files.make("a").write_text("copy")
    assert tree.identity(files, links) != before


def test_frozen_modules_are_those_that_no_interpreter_reads_from_a_file() -> None:
    """They are there even if the interpreter is told to import its library from files; `os` is not."""
    found = tree.frozen_modules()
    assert {"importlib._bootstrap", "importlib._bootstrap_external", "zipimport"} <= found
    assert not found & {"os", "codecs", "importlib"}

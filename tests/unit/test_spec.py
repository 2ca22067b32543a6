"""The steps of the spec: each does what its name says to tables of contents, files or archives."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import marshal
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from onebin.freeze.driver import spec

if TYPE_CHECKING:
    from types import CodeType

    from conftest import Build

WANTED = spec.Wanted(
    name="tiny",
    layout="cached",
    optimize=0,
    strip=True,
    site_packages="/stage/site-packages",
    modules=["host"],
    excludes=["pip"],
    data={"host": [["host/logo.svg", "/stage/logo.svg"]], "idle": [["idle/x", "/stage/x"]]},
    always=[["onebin_metadata/host.dist-info/METADATA", "/stage/METADATA"]],
    files={"host/__init__.py": "host", "../../bin/host": "host", "idle.py": "idle"},
    late_hooks=["pyi_rth_late", "pyi_rth_setuptools"],
    on_disk=["host"],
    sources=[["host/__init__.py", "/stage/site-packages/host/__init__.py"]],
)


def _renamed(code: CodeType, name: str) -> CodeType:
    return code.replace(co_filename=name)


class _Packer:
    """A stand-in for PyInstaller's EXE and COLLECT that records its arguments."""

    def __init__(self, *given: Any, **named: Any) -> None:
        self.given, self.named = given, named


def _packed(layout: str) -> tuple[_Packer, list[_Packer]]:
    """Pack an analysis in a layout; return the calls that made the executable and the folders."""
    folders: list[_Packer] = []
    classes = {"EXE": _Packer, "COLLECT": lambda *given, **named: folders.append(_Packer(*given, **named))}
    analysis = _Packer()
    analysis.scripts, analysis.binaries, analysis.datas = ["scripts"], ["binaries"], ["datas"]  # type: ignore[attr-defined]  # as PyInstaller's
    wanted = dataclasses.replace(WANTED, layout=layout)
    return spec.pack(classes, wanted, analysis, "archive"), folders


def test_build_json_must_have_every_key_and_no_other(tmp_path: Path) -> None:
    """build.json is read as it was written, and a missing or unknown key is an error."""
    file = tmp_path / "build.json"
    written = {"generated": "by onebin", **dataclasses.asdict(WANTED)}
    file.write_text(json.dumps(written), "utf-8")
    assert spec.Wanted.read(file) == WANTED
    for broken in ({**written, "more": 1}, {key: value for key, value in written.items() if key != "strip"}):
        file.write_text(json.dumps(broken), "utf-8")
        with pytest.raises(TypeError, match=r"more|strip"):
            spec.Wanted.read(file)


def test_tables_are_sorted_by_place_alone() -> None:
    """Tables are sorted by place, and entries with the same place keep their order."""
    pure = [("b", "2", "PYMODULE"), ("a", "9", "PYMODULE"), ("b", "1", "PYMODULE")]
    datas = [("z", "1", "DATA"), ("y", "2", "DATA")]
    spec.sort(pure, datas)
    assert [entry[:2] for entry in pure] == [("a", "9"), ("b", "2"), ("b", "1")]
    assert [entry[0] for entry in datas] == ["y", "z"]


def test_library_has_the_same_bytes_whatever_its_order(tmp_path: Path) -> None:
    """base_library.zip is rewritten with sorted members and constant times, so that its bytes are always the same."""
    made = []
    for number, names in enumerate((["os.pyc", "abc.pyc"], ["abc.pyc", "os.pyc"])):
        file = tmp_path / f"{number}.zip"
        with zipfile.ZipFile(file, "w") as archive:
            for name in names:
                archive.writestr(zipfile.ZipInfo(name, (2020 + number, 1, 1, 0, 0, 0)), name.encode())
        spec.sort_library([("other", "/nowhere", "DATA"), ("base_library.zip", str(file), "DATA")])
        made.append(file.read_bytes())
    assert made[0] == made[1]
    with zipfile.ZipFile(tmp_path / "0.zip") as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {
            "abc.pyc": b"abc.pyc",
            "os.pyc": b"os.pyc",
        }


def test_owners_are_those_of_files_in_the_stage() -> None:
    """Only files that a distribution in the stage recorded have an owner."""
    sources = ("/stage/site-packages/host/__init__.py", "/stage/site-packages/unknown.py", "/usr/lib/idle.py", "-")
    assert spec.owners([("x", source, "PYMODULE") for source in sources], WANTED) == {"host"}


def test_late_hooks_become_modules() -> None:
    """Late hooks become modules, the hook for setuptools is removed, and other scripts keep their order."""
    names = ("pyi_rth_late", "pyi_rth_other", "pyi_rth_setuptools", "entry")
    scripts = [(name, f"/{name}.py", "PYSOURCE") for name in names]
    left, modules = spec.without_late_hooks(scripts, WANTED.late_hooks)
    assert [entry[0] for entry in left] == ["pyi_rth_other", "entry"]
    assert modules == [("pyi_rth_late", "/pyi_rth_late.py", "PYMODULE")]


def test_namespace_packages_are_not_in_the_archive() -> None:
    """Namespace packages, which have no source or a dash, are not in the archive."""
    entries: list[Any] = [("a", "/a.py", "PYMODULE"), ("space", "-", "PYMODULE"), ("old", None, "PYMODULE")]
    assert spec.without_namespaces(entries) == entries[:1]


def test_metadata_of_hooks_is_dropped() -> None:
    """Metadata that hooks collect is dropped from top-level folders, but not from folders inside packages."""
    places = ("host-1.0.dist-info/METADATA", "old.egg-info/PKG-INFO", "host/x.dist-info/METADATA", "host/data.txt")
    datas = [(str(Path(place)), "/source", "DATA") for place in places]
    assert [Path(entry[0]).as_posix() for entry in spec.without_metadata(datas)] == list(places[2:])


def test_first_file_at_a_place_is_kept() -> None:
    """The first file at a place is kept, whether it is a binary or an earlier data file."""
    datas = [("a", "/a", "DATA")]
    data = spec.DataFiles(datas, [*datas, ("b.so", "/b.so", "BINARY")])
    for place in ("a", "b.so", "c", "c"):
        data.add(place, "/later")
    assert data.entries is datas
    assert datas == [("a", "/a", "DATA"), ("c", "/later", "DATA")]


def test_data_is_added_for_collected_distributions() -> None:
    """Data is added for collected distributions; for others, only the files that are always added."""
    data = spec.DataFiles([], [])
    spec.add_data(data, WANTED, {"host"})
    assert [place for place, _, _ in data.entries] == ["host/logo.svg", "onebin_metadata/host.dist-info/METADATA"]


def test_code_of_modules_on_disk_is_found_by_place() -> None:
    """Packages and modules on disk get their code from the analysis; data, links and unknown modules get none."""
    code = compile("", "x", "exec")
    place = os.path.join("host", "__init__.py")  # noqa: PTH118  # as in a table of contents
    datas = [(place, "/h", "DATA"), ("m.py", "/m", "DATA"), ("x.txt", "/x", "DATA"), ("other.py", "/o", "DATA")]
    codes = {"host": code, "m": code, "x.txt": code}
    assert spec.codes_on_disk([*datas, ("m.py", "/l", "SYMLINK")], codes) == {(place, "/h"): code, ("m.py", "/m"): code}
    assert spec.codes_on_disk(datas, None) == {}


def test_sources_come_with_bytecode_that_python_uses(tmp_path: Path) -> None:
    """Sources get bytecode that Python uses without checking the source; a file that is not valid Python gets none."""
    source = tmp_path / "source.py"
    source.write_text("print('from bytecode')\n", "utf-8")
    broken = tmp_path / "template.py"
    broken.write_text("def {{ name }}(): ...\n", "utf-8")
    data = spec.DataFiles([], [])
    compiler = spec.Compiler(tmp_path / "compiled", 0, _renamed)
    rows = [["pkg/./mod.py", str(source)], ["pkg/template.py", str(broken)]]
    spec.add_sources(data, rows, compiler, {})
    tree = tmp_path / "tree"
    for place, file, _ in data.entries:
        (tree / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, tree / place)
    assert not (tree / "pkg" / "__pycache__" / f"template.{sys.implementation.cache_tag}.pyc").exists()
    (tree / "pkg" / "mod.py").write_text("raise SystemExit('read the source')\n", "utf-8")
    command = [sys.executable, "-c", "import pkg.mod"]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=True)
    assert done.stdout == "from bytecode\n"


def test_known_code_is_not_compiled_again(tmp_path: Path) -> None:
    """Code known from the analysis is written as bytecode with the hash of the source (PEP 552), not compiled again."""
    source = tmp_path / "mod.py"
    source.write_text("x = 1\n", "utf-8")
    known = compile("x = 2\n", "elsewhere", "exec")
    made = spec.Compiler(tmp_path / "compiled", 0, _renamed).compile("mod.py", str(source), known)
    assert made is not None
    content = Path(made).read_bytes()
    assert content[:4] == importlib.util.MAGIC_NUMBER
    assert content[4:16] == b"\1\0\0\0" + importlib.util.source_hash(b"x = 1\n")
    namespace: dict[str, Any] = {}
    exec(marshal.loads(content[16:]), namespace)  # noqa: S102, S302  # written by the lines above
    assert namespace["x"] == 2


@pytest.mark.skipif(sys.platform != "linux", reason="binaries are changed on Linux only")
def test_system_binaries_are_replaced_by_stripped_copies(build: Build, tmp_path: Path) -> None:
    """Symbols and the runpath are removed from a copy; the original, wheels' binaries and data are unchanged."""
    source = "static int hidden(void) { return 1; } int f(void) { return hidden(); }"
    library = build(tmp_path / "draw.so", source)
    before = library.read_bytes()
    forgotten: list[str] = []
    lean = spec.Lean(tmp_path / "lean", wheels=str(tmp_path / "wheels"), strip=True, forget_runpath=forgotten.append)
    place, made, kind = lean.entry(("sub/draw.so", str(library), "EXTENSION"))
    assert (place, kind, forgotten) == ("sub/draw.so", "EXTENSION", [made])
    assert Path(made).stat().st_size < len(before)
    assert library.read_bytes() == before
    for entry in (("draw.so", str(library), "DATA"), ("x.so", str(tmp_path / "wheels" / "x.so"), "BINARY")):
        assert lean.entry(entry) == entry


def test_one_file_contains_everything() -> None:
    """A one-file executable contains binaries and data, which other layouts put into a folder beside it."""
    program, folders = _packed("onefile")
    assert program.given == ("archive", ["scripts"], ["binaries"], ["datas"])
    assert (program.named["exclude_binaries"], folders) == (False, [])
    for layout in ("cached", "onedir"):
        program, folders = _packed(layout)
        assert (program.given, program.named["exclude_binaries"]) == (("archive", ["scripts"]), True)
        assert [folder.given for folder in folders] == [(program, ["binaries"], ["datas"])]
        assert folders[0].named["name"] == program.named["name"] == "tiny"


def test_packed_files_are_recorded_with_their_digest() -> None:
    """Each packed member is recorded with its size and SHA-256, and a member without content as empty."""
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    noted = spec.note({"a": b"x", "none": None}.get, ["a", "none"])
    assert noted["none"] == (0, empty)
    assert noted["a"] == (1, "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881")

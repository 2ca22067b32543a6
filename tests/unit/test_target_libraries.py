"""The libraries that files need on another platform come from the interpreter's tree; what is missing is a finding."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import pytest

from onebin.platforms import this_platform
from onebin.python import Interpreter, find
from onebin.target import needs_of, resolve_libraries

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Build

HERE = this_platform()
pytestmark = pytest.mark.skipif(HERE is None or HERE.name != "linux-x86_64", reason="makes files for linux-x86_64")

MODULE = "void *PyInit_module(void) { return 0; }"
EXTENSION = "lib/module.abi3.so"


@cache
def _own(folder: Path) -> Interpreter:
    return find(None, folder)


def _interpreter(root: Path) -> Interpreter:
    """Return an interpreter whose root directory is a folder; its own library lies elsewhere."""
    (root / "usr" / "lib").mkdir(parents=True, exist_ok=True)
    return replace(_own(root.parent), root=root, prefix=root / "usr", library=None)


def _linked(library: Path) -> list[str]:
    """Return options to link a library, by its path, to what is compiled from standard input."""
    return ["-x", "none", str(library)]


def _for_other_processor(file: Path) -> Path:
    """Make an ELF file one for aarch64: its header says so at byte 18 (e_machine)."""
    data = bytearray(file.read_bytes())
    data[18] = 0xB7
    file.write_bytes(data)
    return file


def test_libraries_are_found_with_those_that_they_need(build: Build, tmp_path: Path) -> None:
    """A needed library comes from the interpreter's folders, and so does what it needs; glibc is left alone."""
    python = _interpreter(tmp_path / "root")
    folder = tmp_path / "root" / "usr" / "lib"
    inner = build(folder / "libinner.so.1", "int inner(void) { return 1; }", "-shared", "-Wl,-soname,libinner.so.1")
    outer = build(
        folder / "libouter.so.1", "int inner(void); int outer(void) { return inner(); }", "-shared", *_linked(inner)
    )
    module = build(
        tmp_path / "module.so",
        "int outer(void); int f(void) { return outer(); }",
        "-shared",
        f"-L{folder}",
        "-l:libouter.so.1",
    )
    found = resolve_libraries({EXTENSION: module}, python)
    assert found.found == {"libouter.so.1": outer, "libinner.so.1": inner}
    assert not found.findings


def test_each_missing_library_is_one_finding(build: Build, tmp_path: Path) -> None:
    """What no folder has is one finding for all who need it, also for those who need it through another library."""
    python = _interpreter(tmp_path / "root")
    folder = tmp_path / "root" / "usr" / "lib"
    lost = build(tmp_path / "liblost.so", "int lost(void) { return 1; }", "-shared", "-Wl,-soname,liblost.so.1")
    source = "int lost(void); int f(void) { return lost(); }"
    one, two = (build(tmp_path / f"{name}.so", source, "-shared", *_linked(lost)) for name in ("one", "two"))
    build(folder / "libmiddle.so", source.replace("f(", "middle("), "-shared", *_linked(lost))
    three = build(
        tmp_path / "three.so",
        "int middle(void); int f(void) { return middle(); }",
        "-shared",
        f"-L{folder}",
        "-l:libmiddle.so",
    )
    (finding,) = resolve_libraries({"one.so": one, "two.so": two, "three.so": three}, python).findings
    assert finding.where == "liblost.so.1"
    assert "by one.so, two.so, libmiddle.so (for three.so), and not" in finding.message
    assert finding.hint


def test_libraries_of_the_bundle_are_not_looked_for(build: Build, tmp_path: Path) -> None:
    """A library that a wheel brings is found there."""
    python = _interpreter(tmp_path / "root")
    own = build(tmp_path / "libown.so", "int own(void) { return 1; }", "-shared", "-Wl,-soname,libown.so")
    module = build(tmp_path / "module.so", "int own(void); int f(void) { return own(); }", "-shared", *_linked(own))
    found = resolve_libraries({EXTENSION: module, "lib/own.libs/libown.so": own}, python)
    assert not found.found
    assert not found.findings


def test_libraries_for_another_processor_do_not_count(build: Build, tmp_path: Path) -> None:
    """A library in the interpreter's folders that is for another processor is not taken."""
    python = _interpreter(tmp_path / "root")
    folder = tmp_path / "root" / "usr" / "lib"
    library = build(folder / "libx.so", "int x(void) { return 1; }", "-shared", "-Wl,-soname,libx.so")
    module = build(tmp_path / "module.so", "int x(void); int f(void) { return x(); }", "-shared", *_linked(library))
    _for_other_processor(library)
    found = resolve_libraries({EXTENSION: module}, python)
    assert not found.found
    assert [finding.where for finding in found.findings] == ["libx.so"]


@pytest.mark.parametrize("place", [EXTENSION, "bin/module"])
def test_what_is_for_another_processor_is_a_finding(place: str, build: Build, tmp_path: Path) -> None:
    """An extension module or a program that the platform cannot load is named, with what it is for."""
    python = _interpreter(tmp_path / "root")
    module = _for_other_processor(build(tmp_path / "module.so", MODULE))
    (finding,) = resolve_libraries({place: module}, python).findings
    assert finding.where == place
    assert finding.message == "is for linux-aarch64, and not for linux-x86_64"


def test_files_for_other_systems_may_be_data(build: Build, tmp_path: Path) -> None:
    """A library that is no module, and a module that the platform has one of, too, are nothing to find fault with."""
    python = _interpreter(tmp_path / "root")
    data = _for_other_processor(build(tmp_path / "attach.so", "int attach(void) { return 1; }"))
    right = build(tmp_path / "right.so", MODULE)
    other = _for_other_processor(build(tmp_path / "other.so", MODULE))
    files = {"lib/attach_arm.so": data, EXTENSION: right, "lib/module.cpython-311-aarch64-linux-gnu.so": other}
    assert not resolve_libraries(files, python).findings


@pytest.mark.parametrize("content", [b"", b"text", b"\x7fELF", b"MZ" + bytes(100), b"\xca\xfe\xba\xbe\0\0\0\x34"])
def test_other_and_damaged_files_need_nothing(
    content: bytes, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Texts, class files of Java and files that are cut off are no programs, and nothing is printed about them."""
    file = tmp_path / "file"
    file.write_bytes(content)
    assert needs_of(file) is None
    assert capfd.readouterr() == ("", "")


def test_needs_of_an_elf_file(build: Build, tmp_path: Path) -> None:
    """Libraries, processor and search path are read from an ELF file."""
    file = build(tmp_path / "module.so", MODULE, "-shared", "-Wl,-rpath,$ORIGIN/../x.libs", "-Wl,--no-as-needed", "-lm")
    found = needs_of(file)
    assert found is not None
    assert (found.system, found.machines, found.search_path) == ("linux", ("x86_64",), ("$ORIGIN/../x.libs",))
    assert set(found.libraries) == {"libm.so.6", "libc.so.6"}

"""Reading the requirements of ELF files that the machine's compiler makes for the test."""

from __future__ import annotations

import ctypes
import subprocess
from typing import TYPE_CHECKING

import pytest
from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile

from onebin.freeze.driver.tree import runpath
from onebin.target import elf

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Build


def test_symbols_are_read_with_their_versions(build: Build, tmp_path: Path) -> None:
    """A library that calls getrandom needs glibc 2.25, and the libraries that it needs are listed."""
    source = "#include <sys/random.h>\nint draw(void *to) { return getrandom(to, 8, 0); }"
    found = elf.read_elf(build(tmp_path / "draw.so", source))
    assert found is not None
    assert found.glibc["2.25"] == ("getrandom",)
    assert elf.newest(found.glibc) == "2.25"
    assert (found.libraries, found.loader) == (("libc.so.6",), None)


def test_program_names_its_loader(build: Build, tmp_path: Path) -> None:
    """The path of the dynamic loader is read from the program's header."""
    found = elf.read_elf(build(tmp_path / "program", "int main(void) { return 0; }", "-pie"))
    assert found is not None
    assert found.loader is not None
    assert found.loader.rpartition("/")[2].startswith("ld")


def test_version_without_symbols_counts(build: Build, tmp_path: Path) -> None:
    """Compact relocations need glibc 2.36, although no symbol has that version."""
    table = "int one, two; int *both[] = {&one, &two}; int main(void) { return both[0] == both[1]; }"
    try:
        file = build(tmp_path / "compact", table, "-pie", "-Wl,-z,pack-relative-relocs")
    except subprocess.CalledProcessError:
        pytest.skip("this linker does not know compact relocations")
    found = elf.read_elf(file)
    assert found is not None
    if "2.36" not in found.glibc:
        pytest.skip("this linker does not make compact relocations")
    assert found.glibc["2.36"] == ()


def test_library_without_dependencies_needs_nothing(build: Build, tmp_path: Path) -> None:
    """A library without dependencies needs no version of glibc."""
    found = elf.read_elf(build(tmp_path / "still.so", "int one = 1;", "-shared", "-nostdlib"))
    assert found is not None
    assert (found.glibc, found.libraries) == ({}, ())
    assert elf.newest(found.glibc) is None


@pytest.mark.parametrize("tags", ["--enable-new-dtags", "--disable-new-dtags"])
def test_search_paths_of_the_build_machine_are_removed(build: Build, tmp_path: Path, tags: str) -> None:
    """DT_RUNPATH and DT_RPATH are removed, everything else stays, and the library still loads."""
    options = ("-shared", "-Wl,-rpath,/home/builder/lib", f"-Wl,{tags}", "-lm")
    file = build(tmp_path / "used.so", "#include <math.h>\ndouble half(double x) { return fabs(x) / 2; }", *options)
    before = _dynamic(file)
    runpath.forget(str(file))
    after = _dynamic(file)
    assert {"DT_RUNPATH", "DT_RPATH"} & before.keys()
    assert after == {tag: value for tag, value in before.items() if tag not in {"DT_RUNPATH", "DT_RPATH"}}
    half = ctypes.CDLL(str(file)).half
    half.restype, half.argtypes = ctypes.c_double, [ctypes.c_double]
    assert half(-3.0) == 1.5
    once = file.read_bytes()
    runpath.forget(str(file))
    assert file.read_bytes() == once


@pytest.mark.parametrize("content", [b"", b"#!/bin/sh\n", b"\x7fELF" + bytes(60)])
def test_file_without_a_dynamic_section_is_unchanged(tmp_path: Path, content: bytes) -> None:
    """A file without a dynamic section is not changed."""
    file = tmp_path / "file"
    file.write_bytes(content)
    runpath.forget(str(file))
    assert file.read_bytes() == content


def _dynamic(file: Path) -> dict[str, int]:
    """Return the entries of a library's dynamic section by their tag."""
    with file.open("rb") as stream:
        section = ELFFile(stream).get_section_by_name(".dynamic")
        assert isinstance(section, DynamicSection)
        return {tag.entry.d_tag: tag.entry.d_val for tag in section.iter_tags()}


@pytest.mark.parametrize(
    "content", [b"", b"#!/bin/sh\n", b"\x7fELF", b"\x7fELF" + bytes(60), b"\x7fELF\x02\x01\x01" + b"\xff" * 99]
)
def test_other_and_damaged_files_are_not_elf(tmp_path: Path, content: bytes) -> None:
    """Reading a file that is not a complete ELF file returns None."""
    file = tmp_path / "other"
    file.write_bytes(content)
    assert elf.read_elf(file) is None


def test_file_that_is_cut_off_never_fails(build: Build, tmp_path: Path) -> None:
    """Reading a truncated ELF file never fails, wherever it is cut off."""
    whole = build(tmp_path / "whole.so", '#include <stdio.h>\nvoid say(void) { puts("x"); }').read_bytes()
    cut = tmp_path / "cut.so"
    for length in range(0, len(whole), 97):
        cut.write_bytes(whole[:length])
        elf.read_elf(cut)


def test_damaged_file_never_fails(build: Build, tmp_path: Path) -> None:
    """Reading an ELF file with any byte of its headers changed never fails."""
    whole = build(tmp_path / "whole.so", "int one = 1;", "-shared", "-nostdlib").read_bytes()
    damaged = tmp_path / "damaged.so"
    for place in (*range(4, 64), *range(len(whole) - 64 * 8, len(whole))):
        damaged.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        elf.read_elf(damaged)


def test_versions_are_compared_as_numbers() -> None:
    """Versions are compared as numbers: 2.2.5 is older than 2.4, and 2.4 is older than 2.34."""
    assert elf.newest(["2.4", "2.34", "2.2.5"]) == "2.34"
    assert sorted(["2.34", "2.4", "2.2.5"], key=elf.number_of) == ["2.2.5", "2.4", "2.34"]

"""What a tree gets beside the files of the installation, and what is rewritten where it is unpacked."""

from __future__ import annotations

import base64
import configparser
import csv
import dataclasses
import hashlib
import struct
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from onebin import launcher
from onebin.freeze.additions import add
from onebin.launcher.starter import RESERVED
from onebin.platforms import PLATFORMS
from onebin.python.discovery import ask
from onebin.target import libc_of
from onebin.tree import texts
from support.builders import distribution, interpreter, manifest, plan, survey

if TYPE_CHECKING:
    from collections.abc import Mapping

    from conftest import Build
    from onebin.check import Plan

ENTRY = 'package = "demo"\nentry = "demo:main"'


class Bench:
    """Makes additions for plans in a private folder; `starter` is a program with the space that a starter reserves."""

    def __init__(self, folder: Path, build: Build) -> None:
        self.folder = folder
        self.source = folder / "source"
        libraries, loader = "/lib", "/lib64/ld-linux-x86-64.so.2"
        self.starter = build(
            folder / "starter",
            "int main(void) { return 0; }",
            *("-pie", f"-Wl,-rpath,{'/' * (RESERVED - 1 - len(libraries))}{libraries}", "-Wl,--disable-new-dtags"),
            f"-Wl,--dynamic-linker,{'/' * (RESERVED - 1 - len(loader))}{loader}",
        )

    def plan(self, *, host: str = 'package = "demo"\nscript = "demo"') -> Plan:
        """Return the plan of a bundle with one distribution, whose file is a library that needs little-used code."""
        site = self.folder / "stage/lib/python3.12/site-packages"
        demo = distribution("demo", data=["demo.so"], site_packages=site)
        return plan(manifest(host=host), survey(demo, python=interpreter(prefix=self.folder / "python")))

    def add(self, bundle: Plan) -> dict[str, Path]:
        """Write the texts of a tree, as a build does, and return what is added."""
        for place, text in texts(bundle).items():
            (self.source / "tree" / place).parent.mkdir(parents=True, exist_ok=True)
            (self.source / "tree" / place).write_text(text, "utf-8")
        return add(self.starter, bundle, self.source)

    def unpacked(self, added: Mapping[str, Path], tree: str) -> Path:
        """Unpack the added and generated files into a folder, and rewrite them for `tree` as the launcher does."""
        folder = self.folder / "unpacked"
        top = self.source / "tree"
        generated = {file.relative_to(top).as_posix(): file for file in top.rglob("*") if file.is_file()}
        for name, file in {**added, **generated}.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(file.read_bytes())
        for line in (folder / "relocate").read_text("utf-8").splitlines():
            place, offset, size, text = line.split("\t")
            new, start = text.replace("@", tree).encode(), int(offset)
            content = (folder / place).read_bytes()
            if size == "0":
                content = content[:start] + new + b"\n"
            else:
                content = content[:start] + new.ljust(int(size), b"\0") + content[start + int(size) :]
            (folder / place).write_bytes(content)
        return folder


@pytest.fixture
def bench(tmp_path: Path, build: Build) -> Bench:
    """Return what makes additions in a private folder."""
    made = Bench(tmp_path, build)
    site = tmp_path / "stage/lib/python3.12/site-packages"
    site.mkdir(parents=True)
    build(site / "demo.so", "int f(void) { return 1; }", "-shared", "-Wl,--no-as-needed", "-lthread_db")
    return made


def read_elf(program: Path) -> str:
    """Return what readelf says about a program's loader and its libraries."""
    return subprocess.run(["readelf", "-ld", program], capture_output=True, text=True, check=True).stdout


def test_interpreter_is_added(bench: Bench) -> None:
    """The starter is the interpreter's executable; nothing else is added without a bundled C library."""
    assert bench.add(bench.plan()) == {"python/bin/python3.12": bench.starter}


def test_interpreter_finds_its_libraries_where_the_tree_is(bench: Bench) -> None:
    """Where the tree is unpacked, the interpreter names the tree's libraries, and still the system's loader."""
    folder = bench.unpacked(bench.add(bench.plan()), "/some where/tree")
    said = read_elf(folder / "python/bin/python3.12")
    assert "Library rpath: [/some where/tree/python/lib]" in said
    assert "//lib64/ld-linux-x86-64.so.2]" in said


def test_environment_names_its_interpreter_where_the_tree_is(bench: Bench) -> None:
    """Where the tree is unpacked, pyvenv.cfg names the interpreter by an absolute path; its other keys stay."""
    bundle = bench.plan()
    folder = bench.unpacked(bench.add(bundle), "/some where/tree")
    before, after = configparser.ConfigParser(), configparser.ConfigParser()
    before.read_string("[x]\n" + texts(bundle)["pyvenv.cfg"])
    after.read_string("[x]\n" + (folder / "pyvenv.cfg").read_text("utf-8"))
    assert dict(after["x"]) == {**before["x"], "home": "/some where/tree/python/bin"}


def test_bundled_c_library_is_added_with_its_loader(bench: Bench) -> None:
    """A bundled C library has what the files of the installation need, and the interpreter names its loader."""
    libc = libc_of(ask(Path(sys.executable)))
    added = bench.add(dataclasses.replace(bench.plan(), libc=libc))
    assert added[f"python/lib/{libc.loader.name}"] == libc.loader
    assert {"python/lib/libc.so.6", "python/lib/libthread_db.so.1"} <= added.keys()
    said = read_elf(bench.unpacked(added, "/tree") / "python/bin/python3.12")
    assert f"interpreter: /tree/python/lib/{libc.loader.name}]" in said
    assert "Library rpath: [/tree/python/lib]" in said


def test_generated_script_is_executable(bench: Bench) -> None:
    """The script of a host with an entry is executable."""
    bench.add(bench.plan(host=ENTRY))
    assert (bench.source / "tree/bin/demo").stat().st_mode & 0o777 == 0o755


def console_program() -> bytes:
    """Return the headers of a program for Windows that gets a console (Microsoft's PE format)."""
    optional = struct.pack("<H66xH40x", 0x20B, 3)
    header = struct.pack("<HHIIIHH", 0x8664, 0, 0, 0, 0, len(optional), 0x22)
    return b"MZ".ljust(0x3C, b"\0") + struct.pack("<I", 0x80) + bytes(0x40) + b"PE\0\0" + header + optional


def test_windowed_program_differs_in_its_subsystem_only() -> None:
    """A program without a console is the same one, with the number of another subsystem; anything else is refused."""
    program = console_program()
    windowed = launcher.windowed(program)
    changed = [place for place, (was, now) in enumerate(zip(program, windowed, strict=True)) if was != now]
    assert changed == [0x80 + 4 + 20 + 68]
    assert windowed[changed[0]] == 2
    for other in (windowed, b"", b"MZ", program[:100]):
        with pytest.raises(ValueError, match="console"):
            launcher.windowed(other)


def test_scripts_of_windows_have_programs_that_record_lists(bench: Bench) -> None:
    """Each script has a program, a graphical one without a console, and RECORD has its digest and size."""
    bench.starter.write_bytes(console_program())
    site = bench.folder / "stage/lib/python3.12/site-packages"
    scripts = ["../../../bin/tool", "../../../bin/tool-gui", "../../../bin/own", "../../../bin/own.exe"]
    record = "demo-1.0.dist-info/RECORD"
    for name in scripts:
        (site / name).resolve().parent.mkdir(exist_ok=True)
        (site / name).resolve().write_text(name, "utf-8")
    (site / record).parent.mkdir()
    (site / record).write_text("".join(f"{name},,\n" for name in [*scripts, record]), "utf-8")
    points = [("console_scripts", "tool", "demo:main"), ("gui_scripts", "tool-gui", "demo:main")]
    points += [("console_scripts", "own", "demo:main"), ("console_scripts", "gone", "demo:main")]
    demo = distribution("demo", entry_points=points, data=[*scripts, record], site_packages=site)
    python = dataclasses.replace(
        interpreter(prefix=bench.folder / "python"), platform="win-amd64", target=PLATFORMS["windows-x86_64"]
    )
    bundle = plan(manifest(host='package = "demo"\nscript = "tool"'), survey(demo, python=python))
    added = bench.add(bundle)
    programs = {place: file for place, file in added.items() if place.startswith("Scripts/")}
    names = ("python.exe", "pythonw.exe", "tool.exe", "tool-gui.exe")
    assert programs.keys() == {f"Scripts/{name}" for name in names}
    assert {place for place, file in programs.items() if file != bench.starter} == {
        "Scripts/pythonw.exe",
        "Scripts/tool-gui.exe",
    }
    assert programs["Scripts/tool-gui.exe"].read_bytes() == launcher.windowed(bench.starter.read_bytes())
    with added[f"Lib/site-packages/{record}"].open(encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream))
    assert [row[0] for row in rows] == [
        *(f"../../Scripts/{name}" for name in ("tool", "tool.exe", "tool-gui", "tool-gui.exe", "own", "own.exe")),
        record,
    ]
    for row in rows:
        file = programs.get(f"Scripts/{row[0].rpartition('/')[2]}")
        digest = "" if file is None else base64.urlsafe_b64encode(hashlib.sha256(file.read_bytes()).digest()).decode()
        assert row[1:] == (["", ""] if file is None else [f"sha256={digest.rstrip('=')}", str(file.stat().st_size)])

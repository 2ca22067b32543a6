"""The writer of code.bin: what an installation's code looks like in one file."""

from __future__ import annotations

import importlib.util
import marshal
import subprocess
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from onebin.freeze.driver.tree import code
from onebin.freeze.driver.tree.code import Entry, Root, Script
from onebin.system import driver_dir

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ROOTS = (Root("onebin", own=True, complete=True), Root("lib/python"), Root("site-packages", complete=True))


class _Found(NamedTuple):
    """What the archive says of a module."""

    path: str
    root: int
    kind: int
    is_package: int
    size: int
    holders: int
    code: bytes


class _Archive:
    """Reads an archive as the starter does."""

    def __init__(self, file: Path) -> None:
        self.data = file.read_bytes()
        header = code.HEADER.unpack_from(self.data)
        self.magic, self.python, self.pyc_magic, self.tree_sha256, self.size = header[:5]
        self.slots, self.roots, self.flags, self.optimize, script, size, start, length, self.patterns = header[5:]
        self.script = Script(self.text(script), size, self.data[start : start + length])

    def text(self, offset: int) -> str:
        """Return the text at an offset."""
        return self.data[offset : self.data.index(b"\0", offset)].decode()

    def root(self, number: int) -> tuple[str, int]:
        """Return the path and the flags of a root."""
        start = code.HEADER.size + self.slots * code.SLOT.size + number * code.ROOT.size
        path, length, flags = code.ROOT.unpack_from(self.data, start)
        assert len(self.text(path).encode()) == length
        return self.text(path), flags

    def find(self, name: str) -> _Found | None:
        """Return what the archive says of a module."""
        number = code.digest(name) & (self.slots - 1)
        while True:
            slot = code.SLOT.unpack_from(self.data, code.HEADER.size + number * code.SLOT.size)
            hashed, text, path, start, length, size, holders, root, kind, is_package = slot
            if not text:
                return None
            if hashed == code.digest(name) and self.text(text) == name:
                return _Found(self.text(path), root, kind, is_package, size, holders, self.data[start : start + length])
            number = (number + 1) & (self.slots - 1)


def _write(file: Path, *entries: Entry, **changes: Any) -> _Archive:
    given: dict[str, Any] = {
        "tree_sha256": bytes(range(32)),
        "script": Script("greet", 7, b"script"),
        "optimize": 0,
        "python_variables": False,
        "start_hook": False,
        "quiet_exit": False,
        "huge_pages": False,
        "roots": ROOTS,
        "patterns": {},
    }
    code.write(file, entries=entries, **given | changes)
    return _Archive(file)


def _entry(
    name: str, root: int = 2, *, path: str = "", is_package: bool = False, text: bytes | None = b"code"
) -> Entry:
    return Entry(name, root, path or name.replace(".", "/") + ".py", is_package, 10, text)


def test_header_says_what_the_code_is_for(tmp_path: Path) -> None:
    """The header has the versions of Python and its bytecode, the tree's digest, the script and the options."""
    archive = _write(tmp_path / "code.bin", optimize=2, python_variables=True, start_hook=True, huge_pages=True)
    assert archive.magic == code.MAGIC
    assert archive.python == sys.hexversion >> 16
    assert archive.pyc_magic == importlib.util.MAGIC_NUMBER
    assert archive.tree_sha256 == bytes(range(32))
    assert archive.size == len(archive.data)
    assert (archive.script, archive.optimize) == (("greet", 7, b"script"), 2)
    assert archive.flags == code.PYTHON_VARIABLES | code.START_HOOK | code.HUGE_PAGES
    other = _write(tmp_path / "code.bin", script=Script("greet", 7, None))
    assert (other.flags, other.script.code) == (0, b"")


def test_roots_have_their_flags(tmp_path: Path) -> None:
    """Each root has its path and whether it is onebin's own and completely listed."""
    archive = _write(tmp_path / "code.bin")
    found = [archive.root(number) for number in range(archive.roots)]
    assert found == [("onebin", code.OWN | code.COMPLETE), ("lib/python", 0), ("site-packages", code.COMPLETE)]


def test_modules_are_found_by_name(tmp_path: Path) -> None:
    """Each of many modules is found with its code, and other names are not."""
    names = [f"package{number % 7}.module{number}" for number in range(500)] + ["naïve", "a"]
    archive = _write(tmp_path / "code.bin", *(_entry(name, text=marshal.dumps(name)) for name in names))
    for name in names:
        found = archive.find(name)
        assert found
        assert marshal.loads(found.code) == name  # noqa: S302  # what this test wrote
        assert (found.path, found.size) == (name.replace(".", "/") + ".py", 10)
    assert archive.find("package1") is None
    assert archive.find("") is None


def test_extension_modules_and_sources_without_code_have_none(tmp_path: Path) -> None:
    """An extension module is marked as one, and a source may be listed without code."""
    archive = _write(
        tmp_path / "code.bin", _entry("fast", path="fast.cpython-312.so", text=None), _entry("slow", text=None)
    )
    fast, slow = archive.find("fast"), archive.find("slow")
    assert fast
    assert slow
    assert (fast.kind, fast.code) == (code.EXTENSION, b"")
    assert (slow.kind, slow.code) == (code.SOURCE, b"")


def test_first_root_wins_and_the_others_are_remembered(tmp_path: Path) -> None:
    """Of several roots with one name the first wins, whatever the order of the entries; the slot has a bit for each."""
    for entries in ([_entry("two", 2), _entry("two", 1)], [_entry("two", 1), _entry("two", 2)]):
        found = _write(tmp_path / "code.bin", *entries).find("two")
        assert found
        assert (found.root, found.holders) == (1, 0b110)


def test_file_that_python_prefers_wins_within_a_root(tmp_path: Path) -> None:
    """A package comes before modules of its name, and an extension module before a source."""
    package = _entry("name", path="name/__init__.py", is_package=True)
    extension, source = _entry("name", path="name.abi3.so", text=None), _entry("name")
    for entries, path in (
        ([source, extension, package], "name/__init__.py"),
        ([source, extension], "name.abi3.so"),
        ([source], "name.py"),
    ):
        for order in (entries, entries[::-1]):
            found = _write(tmp_path / "code.bin", *order).find("name")
            assert found
            assert found.path == path


def test_bytes_depend_on_the_content_alone(tmp_path: Path) -> None:
    """The order of the entries does not change the file."""
    entries = [_entry(f"module{number}") for number in range(50)]
    one = _write(tmp_path / "one", *entries).data
    assert _write(tmp_path / "two", *entries[::-1]).data == one


def test_too_many_roots_are_an_error(tmp_path: Path) -> None:
    """More roots than a slot has bits for are refused."""
    with pytest.raises(ValueError, match="32 roots at most, not 33"):
        _write(tmp_path / "code.bin", roots=[Root(f"root{number}") for number in range(33)])


def test_every_supported_python_writes_an_archive(tmp_path: Path, interpreters: Mapping[str, Path]) -> None:
    """The driver's writer runs under each version that can be frozen, and puts that version into the header."""
    script = (
        "import runpy, sys; code = runpy.run_path(sys.argv[1]);"
        "code['write'](sys.argv[2], tree_sha256=bytes(32), script=code['Script']('s', 1, b's'), optimize=0,"
        " python_variables=False, start_hook=False, quiet_exit=True, huge_pages=True, patterns={('p', 0): b'parts'},"
        " roots=[code['Root']('r')], entries=[code['Entry']('n', 0, 'n.py', False, 1, b'c')])"
    )
    for minor, python in interpreters.items():
        file = tmp_path / minor
        subprocess.run([python, "-c", script, driver_dir() / "tree" / "code.py", file], check=True)
        major, _, number = minor.partition(".")
        archive = _Archive(file)
        assert archive.python == int(major) << 8 | int(number)
        assert archive.find("n")

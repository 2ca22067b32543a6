"""What the files of a bundle for macOS need, and what is wrong with them, is known before anything is packed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from onebin.platforms import PLATFORMS
from onebin.target import Resolved, needs_of, resolve_libraries
from onebin.tree.names import same_names
from support.builders import interpreter
from support.machos import make_macho, make_universal

if TYPE_CHECKING:
    from pathlib import Path

MODULE = "lib/python3.12/site-packages/x/module.cpython-312-darwin.so"
SUFFIXES = (".cpython-312-darwin.so", ".abi3.so", ".so")


def _resolved(folder: Path, content: bytes, libraries: dict[str, bytes] | None = None) -> Resolved:
    """Return the libraries of a module; those of the interpreter have contents by name."""
    prefix = folder / "python"
    (prefix / "lib").mkdir(parents=True)
    for name, library in (libraries or {}).items():
        (prefix / "lib" / name).write_bytes(library)
    (folder / "module.so").write_bytes(content)
    python = replace(interpreter(prefix=prefix), target=PLATFORMS["macos-arm64"], suffixes=SUFFIXES)
    return resolve_libraries({MODULE: folder / "module.so"}, python)


def test_libraries_of_the_system_and_of_the_interpreter_are_found(tmp_path: Path) -> None:
    """Those of macOS are left alone; others come from the interpreter's folder, with those that they need."""
    inner = make_macho(is_library=True)
    outer = make_macho(is_library=True, libraries=["/usr/lib/libSystem.B.dylib", "/install/lib/libinner.dylib"])
    framework = "/System/Library/Frameworks/Security.framework/Versions/A/Security"
    module = make_macho(is_library=True, libraries=[framework, "@rpath/libouter.dylib"])
    found = _resolved(tmp_path, module, {"libinner.dylib": inner, "libouter.dylib": outer})
    assert not found.findings
    assert set(found.found) == {"libinner.dylib", "libouter.dylib"}


def test_a_missing_library_is_named(tmp_path: Path) -> None:
    """What neither the wheel nor the interpreter has is an error that names it, and who needs it."""
    module = make_macho(is_library=True, libraries=["/opt/homebrew/lib/libgit2.1.dylib"])
    (finding,) = _resolved(tmp_path, module, {"libgit2.1.dylib": make_macho("x86_64", is_library=True)}).findings
    assert finding.where == "/opt/homebrew/lib/libgit2.1.dylib"
    assert f"needed on macos-arm64 by {MODULE}" in finding.message
    assert "lib/ of the folder in [bundle.interpreters]" in str(finding.hint)


@pytest.mark.parametrize("place", [MODULE, "bin/tool"])
def test_a_universal_file_serves_if_it_has_the_processor(tmp_path: Path, place: str) -> None:
    """A file for several processors is accepted if the target's is one of them; a program for others is a finding."""
    parts = [(each, make_macho(each, libraries=["/usr/lib/libz.1.dylib"])) for each in ("x86_64", "aarch64")]
    (tmp_path / "both").write_bytes(make_universal(*parts))
    (tmp_path / "one").write_bytes(make_universal(parts[0]))
    python = replace(interpreter(prefix=tmp_path), target=PLATFORMS["macos-arm64"], suffixes=SUFFIXES)
    both = needs_of(tmp_path / "both")
    assert both is not None
    assert (both.machines, both.libraries) == (("x86_64", "aarch64"), ("/usr/lib/libz.1.dylib",))
    assert not resolve_libraries({place: tmp_path / "both"}, python).findings
    (finding,) = resolve_libraries({"bin/tool": tmp_path / "one"}, python).findings
    assert finding.message == "is for macos-x86_64, and not for macos-arm64"


@pytest.mark.parametrize("content", [b"", b"text"], ids=["empty", "text"])
def test_a_module_that_is_none_is_a_finding(tmp_path: Path, content: bytes) -> None:
    """An extension module that is no library, as a linker that lacks an option leaves it, is noticed at once."""
    (finding,) = _resolved(tmp_path, content).findings
    assert finding.where == MODULE
    assert "empty or damaged" in finding.message


@pytest.mark.parametrize("other", ["a/Read.py", "a/re\N{LATIN SMALL LETTER A WITH GRAVE}d.py"])
def test_names_that_differ_only_in_case_or_form_are_one(other: str) -> None:
    """MacOS and Windows would write one file over the other."""
    places = ["a/read.py", "a/rea\N{COMBINING GRAVE ACCENT}d.py", "b/read.py", other]
    for name in ("macos-arm64", "windows-x86_64"):
        ((place, _),) = same_names(places, PLATFORMS[name])
        assert place == other
    assert not [*same_names(places, PLATFORMS["linux-x86_64"])]

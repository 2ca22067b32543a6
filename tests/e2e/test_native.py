"""Cause 8: native code, whose imports and libraries no Python source names, works in an artifact."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.bundles import Alone
from support.processes import EXE
from support.projects import PROJECTS

from .conftest import write_seer

if TYPE_CHECKING:
    from support.command import Onebin

COMPILER = shutil.which("gcc") or shutil.which("clang") or ""
HEADERS = Path(sysconfig.get_path("include"))

pytestmark = [
    pytest.mark.network,
    pytest.mark.skipif(
        not sys.platform.startswith("linux"), reason="the names of the shared libraries are those of Linux"
    ),
    pytest.mark.skipif(not COMPILER, reason="needs a C compiler"),
    pytest.mark.skipif(not HEADERS.joinpath("Python.h").exists(), reason="needs the headers of Python"),
]


def _compile(folder: Path) -> None:
    """Compile the project's C code as wheels contain it: with a library found relative to the extension module."""
    code, package, libraries = folder / "c", folder / "src" / "sees_native", folder / "src" / "sees_native.libs"
    libraries.mkdir()
    extension = package / f"_speedup{sysconfig.get_config_var('EXT_SUFFIX')}"
    answer = libraries / "libanswer-1.so"
    linked = [f"-I{HEADERS}", f"-L{libraries}", f"-l:{answer.name}", "-Wl,-rpath,$ORIGIN/../sees_native.libs"]
    for target, source, options in (
        (answer, "answer.c", [f"-Wl,-soname,{answer.name}"]),
        (package / "libplain.so", "plain.c", []),
        (extension, "speedup.c", linked),
    ):
        subprocess.run([COMPILER, "-shared", "-fPIC", "-o", target, code / source, *options], check=True)


def test_native_code_finds_its_modules_and_libraries(tmp_path: Path, onebin: Onebin) -> None:
    """Imports from C, a `.libs` folder, libraries by path and by name work the same staged and frozen."""
    project = Path(shutil.copytree(PROJECTS / "sees-native", tmp_path / "sees-native"))
    _compile(project)
    write_seer(tmp_path, {"sees-native": project})
    built = onebin("bundle", "--test", "{artifact} native", cwd=tmp_path)
    assert built.code == 0, built.err
    seen = Alone.copy(tmp_path / "dist" / f"seer{EXE}", tmp_path / "alone")("native")
    assert json.loads(seen.out) == {
        "imported": ["iniconfig", "_cffi_backend", "colorsys"],
        "answered": 42,
        "package-data": 7,
        "libs-folder": 42,
        "by-name": 42,
    }

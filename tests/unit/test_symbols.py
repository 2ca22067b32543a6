"""Symbols are removed from libraries for the processor that they are for, or it is said that they stay."""

from __future__ import annotations

import platform
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from onebin.freeze.driver.tree.symbols import program_for, strip

OTHER = "x86_64" if platform.machine() == "aarch64" else "aarch64"


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """Return a library with symbols for the other processor, out of a real wheel."""
    wanted = ["--no-deps", "--only-binary=:all:", f"--platform=manylinux2014_{OTHER}", "--python-version=3.11"]
    command = [sys.executable, "-m", "pip", "download", "--quiet", *wanted, f"--dest={tmp_path}", "markupsafe==3.0.2"]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("needs a wheel from the index")
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        (name,) = [name for name in wheel.namelist() if name.endswith(".so")]
        return Path(wheel.extract(name, tmp_path))


@pytest.mark.network
def test_library_is_unchanged_and_named_if_nothing_knows_its_processor(
    library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a program for the other processor, the library keeps its symbols, and the caller is told."""
    before = library.read_bytes()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert program_for(OTHER) is None
    assert strip([str(library)]) == [str(library)]
    assert library.read_bytes() == before


@pytest.mark.network
def test_library_loses_its_symbols_where_a_program_knows_its_processor(library: Path) -> None:
    """Debian's binutils for the other processor are used, and nothing is left to be named."""
    if program_for(OTHER) is None:
        pytest.skip(f"needs strip for {OTHER} (Debian: binutils-{OTHER.replace('_', '-')}-linux-gnu)")
    size = library.stat().st_size
    assert strip([str(library)]) == []
    assert library.stat().st_size < size * 0.9
    assert strip([str(library)]) == []
    sections = subprocess.run(["readelf", "--sections", library], capture_output=True, text=True, check=True).stdout
    assert ".dynsym" in sections
    assert ".symtab" not in sections


def test_own_processor_has_the_ordinary_program() -> None:
    """Files of this machine are left to its own `strip`."""
    assert program_for(platform.machine()) == "strip"

"""Files that may come from strangers: only regular ones, not too large, and TOML that is not too deep."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from onebin.system import DeepDataError, DeepKeyError, parse_toml, read_bytes, read_text

if TYPE_CHECKING:
    from pathlib import Path


def test_small_file_is_read(tmp_path: Path) -> None:
    """A regular file of the largest allowed size is read whole, with line feeds as line endings."""
    file = tmp_path / "file"
    file.write_bytes(b"a\r\nb\rc\n")
    assert read_text(file, most=7) == "a\nb\nc\n"
    file.write_bytes(b"")
    assert read_bytes(file) == b""


def test_large_file_is_refused(tmp_path: Path) -> None:
    """A file that is one byte too large is refused with the size that is allowed."""
    file = tmp_path / "file"
    file.write_bytes(b"x" * 1_001)
    with pytest.raises(OSError, match=r"it is larger than 1\.0 kB"):
        read_bytes(file, most=1_000)
    with file.open("wb") as stream:
        stream.truncate(10**12)
    with pytest.raises(OSError, match=r"it is larger than 8\.0 MB"):
        read_bytes(file)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no named pipes in folders")
def test_what_is_not_a_file_is_refused(tmp_path: Path) -> None:
    """A pipe is not waited for, and a folder is no file."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="it is not a regular file"):
        read_bytes(tmp_path / "pipe")
    with pytest.raises(OSError, match="it is a directory"):
        read_bytes(tmp_path)


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("x = 1\na" + ".b" * 20 + " = 1", DeepKeyError, "at line 2"),
        ("[" + '"a" . ' * 30 + "b]", DeepKeyError, "more than 20 parts"),
        ("a = " + "[" * 21 + "]" * 21, DeepDataError, "nested too deeply"),
        ("a = " + "{b.c.d = " * 8 + "1" + "}" * 8, DeepDataError, "nested too deeply"),
        ("a = " + "[" * 100_000, DeepDataError, "nested too deeply"),
        ("a = [" + "1," * 600_000 + "]", ValueError, "too many values"),
        ("a = " + "1" * 5_000, ValueError, "digits"),
    ],
)
def test_hostile_toml_is_refused(text: str, error: type[ValueError], words: str) -> None:
    """Keys of many parts, deep brackets, very many values and very long numbers are refused."""
    with pytest.raises(error, match=words):
        parse_toml(text)


def test_usual_toml_is_read() -> None:
    """Versions in strings and numbers with dots are not keys, and nesting of a lock is not deep."""
    text = f'a = "{".".join(["1"] * 20)}"\n# {".".join("b" * 19)}\n[[x.y]]\nz = {{ k = [[1.5]] }}\n'
    assert parse_toml(text)["x"] == {"y": [{"z": {"k": [[1.5]]}}]}

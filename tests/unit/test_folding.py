"""Lines on a terminal: folded between words, never within one; plain in a pipe."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from typing import TYPE_CHECKING

import pytest

from onebin.cli import page
from onebin.cli.report import folded
from support.processes import run

if TYPE_CHECKING:
    from pathlib import Path

PATH = "/home/somebody/.cache/onebin/stages/0123456789abcdef0123456789abcdef/env/lib/python3.12"
TEXT = (
    f"error: cannot create the stage in {PATH}: no space left on the device\n  hint: free some, or set ONEBIN_CACHE_DIR"
)


@pytest.mark.parametrize("columns", [20, 40, 80, 120])
def test_text_is_folded_between_words_only(columns: int) -> None:
    """No line is longer than the terminal unless it is one long word; no word is lost or cut."""
    lines = folded(TEXT, columns).split("\n")
    assert all(len(line) <= columns or len(line.split()) == 1 for line in lines)
    assert " ".join(lines).split() == TEXT.split()


def test_what_goes_on_is_indented_more_than_its_line() -> None:
    """The lines that go on from a line begin two columns to the right of it."""
    assert folded("  one two three four", 12).split("\n") == ["  one two", "    three", "    four"]
    assert folded("short\n\nlines", 12) == "short\n\nlines"
    assert folded("\x1b[1mbold words\x1b[0m go on", 12).split("\n") == ["\x1b[1mbold words\x1b[0m", "  go on"]


@pytest.mark.parametrize("size", ["22.7 MB", "0.8 s", "120 ms", "7 B"])
def test_number_stays_with_its_unit(monkeypatch: pytest.MonkeyPatch, size: str) -> None:
    """A line does not end between a number and its unit, neither where text is folded nor in a field."""
    number = size.partition(" ")[0]
    assert folded(f"one {size} more", len(f"one {number}")).split("\n")[1] == f"  {size}"
    monkeypatch.setattr(page, "width", lambda: 40)
    word = "w" * (25 - len(f" {number}"))  # the number would fit beside it
    assert page.field("label", f"{word} {size}").split("\n")[1].strip() == size


COMMANDS = [
    "--help",
    "bundle --help",
    "bundel",
    "check nosuch.toml",
    "add ./nosuch",
    "inspect nosuch",
    "cache clean nosuch",
]


@pytest.mark.skipif(shutil.which("script") is None, reason="needs util-linux's script to make a terminal")
@pytest.mark.parametrize("columns", [40, 80])
def test_commands_break_no_word_on_a_terminal(tmp_path: Path, columns: int) -> None:
    """Help and errors have no line that the terminal would break between two words or in a short one."""
    python = shlex.quote(sys.executable)
    command = "; ".join([f"stty cols {columns} rows 50", *(f"{python} -m onebin {each}" for each in COMMANDS)])
    env = {"TERM": "xterm-256color", "ONEBIN_CACHE_DIR": str(tmp_path / "cache"), "LANG": "C.UTF-8"}
    done = run(["script", "-qec", command, "/dev/null"], cwd=tmp_path, env=env, stdin=None)
    lines = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", done.out).splitlines()
    assert "Traceback" not in done.out
    assert len(lines) > len(COMMANDS)
    assert [line for line in lines if len(line) > columns and len(line.split()) > 1] == []

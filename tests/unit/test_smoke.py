"""Commands that fail with the staged host and the artifact alike."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from onebin.system import run
from onebin.verify.smoke import failed_alike

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("print(1)", []),
        ("import sys; sys.stderr.write('careful\\n')", []),
        ("raise SystemExit(3)", ["end with 3; is"]),
        ("raise SystemExit('no\\nsuch file')", ["end with 1: such file; is"]),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", ["end with -9; is"]),
        ("import traceback\ntry:\n 1/0\nexcept Exception:\n traceback.print_exc()", ["traceback: ZeroDivisionError: "]),
    ],
    ids=["works", "warns", "code", "message", "killed", "traceback"],
)
def test_failure_of_both_is_a_note(code: str, said: list[str], tmp_path: Path) -> None:
    """A program that fails, or that survives an exception but prints it, is named with the last line it printed."""
    found = run([sys.executable, "-c", code], env=os.environ, cwd=tmp_path)
    notes = list(failed_alike("{artifact} --x", found))
    assert len(notes) == len(said)
    assert all(note.startswith("{artifact} --x: staged host and artifact both ") for note in notes)
    assert all(how in note for note, how in zip(notes, said, strict=True))

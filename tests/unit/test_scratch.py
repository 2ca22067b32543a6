"""Temporary directories: private, removed at the end, and removed by the next build after a kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING

import pytest

from onebin.system.temporary import scratch

if TYPE_CHECKING:
    from pathlib import Path

HOLDER = """
import sys, time
from onebin.system import scratch
with scratch() as directory:
    (directory / "file").write_text("half")
    print(directory, flush=True)
    time.sleep(600)
"""


# Goes on writing for a moment, as a process does that its parent did not wait for.
LATE = """
import contextlib, os, sys, time
print("ready", flush=True)
until, number = time.monotonic() + 0.4, 0
while time.monotonic() < until:
    number += 1
    with contextlib.suppress(FileNotFoundError):  # the directory itself is gone
        os.mkdir(f"{sys.argv[1]}/{number}")
"""


# Makes as many scratch directories as it can in a while; an error of one ends it.
MAKER = """
import time
from onebin.system import scratch
until = time.monotonic() + 1.5
while time.monotonic() < until:
    with scratch() as directory:
        (directory / "file").write_text("whole")
        assert (directory / "file").read_text() == "whole"
"""


@pytest.fixture
def parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a private directory for temporary files."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_scratch_directory_is_removed_at_the_end(parent: Path) -> None:
    """A scratch directory is empty and private, and is removed with its contents at the end of the block."""
    with scratch() as first, scratch() as second:
        assert first != second
        assert first.parent == second.parent == parent
        assert list(first.iterdir()) == []
        (first / "folder").mkdir()
    assert list(parent.iterdir()) == []


def test_process_that_ends_a_moment_later_leaves_nothing(parent: Path) -> None:
    """What a program still writes while the directory is being removed is removed, too."""
    with scratch() as directory:
        late = subprocess.Popen([sys.executable, "-c", LATE, str(directory)], stdout=subprocess.PIPE)
        assert late.stdout is not None
        late.stdout.readline()
    late.communicate()
    assert list(parent.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="there the system has no such locks")
def test_next_process_removes_the_directory_of_a_killed_one(parent: Path) -> None:
    """A scratch directory of a killed process is removed by the next process that makes one."""
    environment = {**os.environ, "TMPDIR": str(parent)}
    with subprocess.Popen([sys.executable, "-c", HOLDER], env=environment, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        held = parent / holder.stdout.readline().strip()
        with scratch():
            assert (held / "file").exists()
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    assert held.exists()
    with scratch():
        assert not held.exists()
    assert list(parent.iterdir()) == []


def test_processes_do_not_remove_what_another_is_making(parent: Path) -> None:
    """Of several processes that make scratch directories at once, none removes one that another has just made."""
    environment = {**os.environ, "TMPDIR": str(parent)}
    makers = [
        subprocess.Popen([sys.executable, "-c", MAKER], env=environment, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    assert [maker.communicate()[1] for maker in makers] == ["", "", ""]
    assert list(parent.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="there the system has no such locks")
def test_foreign_files_stay(parent: Path) -> None:
    """Links and files with the name of a scratch directory are not touched."""
    other = parent / "other"
    other.mkdir()
    (other / "kept").touch()
    (parent / "onebin-scratch-link").symlink_to(other)
    (parent / "onebin-scratch-file").touch()
    with scratch():
        pass
    assert (other / "kept").exists()
    assert {path.name for path in parent.iterdir()} == {"other", "onebin-scratch-link", "onebin-scratch-file"}

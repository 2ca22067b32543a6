"""Cause 9: at a terminal, the host knows the width, gets Ctrl-C and SIGTERM once, and keeps its own exit status."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import struct
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.bundles import ALONE_SECONDS
from support.processes import EXE

if TYPE_CHECKING:
    from collections.abc import Iterator

pty = pytest.importorskip("pty", reason="there are no pseudo-terminals on this system")

pytestmark = pytest.mark.network

# A shell that ignores the interrupt and prints the status of the program that it ran.
SHELL = 'trap : INT; "$@"; echo status $?'
CTRL_C, CTRL_D = b"\x03", b"\x04"


class Terminal:
    """A shell that runs an artifact at a terminal of its own."""

    def __init__(self, *command: str) -> None:
        self.pid, self._end = pty.fork()
        if self.pid == 0:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.execv("/bin/sh", ["sh", "-c", SHELL, "sh", *command])  # noqa: S606  # it is the shell
        self.text = ""

    def resize(self, columns: int) -> None:
        """Set the width of the terminal."""
        import fcntl
        import termios

        fcntl.ioctl(self._end, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

    def type(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self._end, keys)

    def wait_for(self, word: str) -> None:
        """Read until a word has been printed; fail after a minute."""
        limit = time.monotonic() + ALONE_SECONDS
        while word not in self.text:
            ready, _, _ = select.select([self._end], [], [], max(0, limit - time.monotonic()))
            assert ready, f"no {word!r} in {self.text!r}"
            self.text += self._read()

    def close(self) -> None:
        """Close the terminal and wait for the shell."""
        os.close(self._end)
        os.waitpid(self.pid, 0)

    def _read(self) -> str:
        return os.read(self._end, 65536).decode()


@pytest.fixture
def terminals() -> Iterator[list[Terminal]]:
    """Return a list of terminals that are closed at the end."""
    opened: list[Terminal] = []
    yield opened
    for each in opened:
        each.close()


def _open(terminals: list[Terminal], bundle_dir: Path, *arguments: str) -> Terminal:
    terminal = Terminal(str(bundle_dir / "dist" / f"seer{EXE}"), *arguments)
    terminals.append(terminal)
    return terminal


def test_ctrl_c_reaches_the_host_once(bundle_dir: Path, terminals: list[Terminal]) -> None:
    """A host that handles Ctrl-C gets one interrupt for one key, and the shell sees the host's own status."""
    terminal = _open(terminals, bundle_dir, "interrupts")
    terminal.wait_for("ready")
    terminal.type(CTRL_C)
    terminal.wait_for("status")
    assert "interrupts 1\r\n" in terminal.text
    assert "status 5" in terminal.text


def test_ctrl_c_ends_a_host_that_does_not_handle_it(bundle_dir: Path, terminals: list[Terminal]) -> None:
    """The traceback is shown once, and the shell sees that the signal ended the host."""
    terminal = _open(terminals, bundle_dir, "wait")
    terminal.wait_for("ready")
    terminal.type(CTRL_C)
    terminal.wait_for("status")
    assert terminal.text.count("KeyboardInterrupt") == 1
    assert "status 130" in terminal.text


def test_sigterm_ends_a_host_at_a_terminal(bundle_dir: Path, terminals: list[Terminal]) -> None:
    """SIGTERM to the process that the shell started ends it with that signal's status."""
    terminal = _open(terminals, bundle_dir, "wait")
    terminal.wait_for("ready")
    os.kill(_child_of(terminal.pid), signal.SIGTERM)
    terminal.wait_for("status")
    assert "status 143" in terminal.text


def test_host_knows_the_size_of_the_terminal(bundle_dir: Path, terminals: list[Terminal]) -> None:
    """The host sees the width of the terminal."""
    terminal = _open(terminals, bundle_dir, "echo")
    terminal.resize(123)
    terminal.type(CTRL_D)
    terminal.wait_for("status 0")
    found = re.search(r"\{.*\}", terminal.text, re.DOTALL)
    assert found
    assert json.loads(found[0])["columns"] == 123


def _child_of(pid: int) -> int:
    """Return the only child of a process, as /proc has it."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    if not children.exists():
        pytest.skip("this system does not say which processes a shell has started")
    (child,) = children.read_text("ascii").split()
    return int(child)

"""A program at a pseudo-terminal, and what is on its screen."""

from __future__ import annotations

import errno
import os
import select
import signal
import struct
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from .processes import callers_environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

_SECONDS = 60.0


@dataclass(kw_only=True)
class Screen:
    """The screen of a terminal with a program; `raw` is everything that it has written."""

    rows: int
    columns: int
    process: subprocess.Popen[bytes]
    end: int
    raw: bytes = b""

    def __post_init__(self) -> None:
        """Begin with an empty screen."""
        pyte = pytest.importorskip("pyte")
        self._screen = pyte.Screen(self.columns, self.rows)
        self._stream = pyte.ByteStream(self._screen)

    @property
    def lines(self) -> list[str]:
        """The lines of the screen, without the spaces at their ends and the empty ones below."""
        text = "\n".join(line.rstrip() for line in self._screen.display).rstrip("\n")
        return text.split("\n")

    def wait_for(self, found: Callable[[list[str]], object], what: str) -> list[str]:
        """Read until the lines of the screen are as wanted, and return them; fail after a minute."""
        limit = time.monotonic() + _SECONDS
        while not found(self.lines):
            assert self._read(limit - time.monotonic()), f"not seen: {what}\n" + "\n".join(self.lines)
        return self.lines

    def finish(self) -> list[str]:
        """Read until the program has ended, and return the lines of the screen."""
        while self._read(_SECONDS):
            pass
        self.process.wait()
        return self.lines

    def resize(self, rows: int, columns: int) -> None:
        """Give the terminal another size, and tell the program. Its old lines are cut off, and not folded."""
        _set_size(self.end, rows, columns)
        self._screen.resize(rows, columns)
        self.rows, self.columns = rows, columns
        self.process.send_signal(signal.SIGWINCH)

    def type(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self.end, keys)

    def _read(self, seconds: float) -> bool:
        """Take what the program writes next; returns whether there was something."""
        ready, _, _ = select.select([self.end], [], [], max(0.0, seconds))
        if not ready:
            return False
        try:
            found = os.read(self.end, 65536)
        except OSError as error:  # Linux says so at the end of a terminal
            if error.errno != errno.EIO:
                raise
            return False
        self.raw += found
        self._stream.feed(found)
        return bool(found)


@contextmanager
def at_screen(
    command: Sequence[str | Path],
    *,
    rows: int = 24,
    columns: int = 80,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> Iterator[Screen]:
    """Run a program at a terminal of this size; it is killed at the end."""
    pty = pytest.importorskip("pty", reason="there are no pseudo-terminals on this system")
    end, own = pty.openpty()
    _set_size(end, rows, columns)
    _silence(own)
    whole = {**callers_environment(), "TERM": "xterm-256color", **(env or {})}
    for name in ("COLUMNS", "LINES", "FORCE_COLOR", "NO_COLOR"):
        if name not in (env or {}):
            whole.pop(name, None)
    process = subprocess.Popen(command, stdin=own, stdout=own, stderr=own, cwd=cwd, env=whole, start_new_session=True)
    os.close(own)
    try:
        yield Screen(rows=rows, columns=columns, process=process, end=end)
    finally:
        process.kill()
        process.wait()
        os.close(end)


def _set_size(end: int, rows: int, columns: int) -> None:
    import fcntl
    import termios

    fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def _silence(own: int) -> None:
    """Have the terminal not show the keys that are pressed: a program has no part in that."""
    import termios

    modes = termios.tcgetattr(own)
    modes[3] &= ~termios.ECHO
    termios.tcsetattr(own, termios.TCSANOW, modes)

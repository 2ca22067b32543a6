"""Lines of a program that may say anything: lines without an end, and no end of lines."""

from __future__ import annotations

import os
import queue
import threading
from contextlib import suppress
from typing import IO

_LINE_BYTES = 4_000_000
_CHUNK_BYTES = 64 * 1024
_UNREAD = 16  # lines; the program waits while there are so many
_LOOK_SECONDS = 0.5


class Lines:
    """The lines of a pipe, one that is too long in pieces. A thread reads them ahead, but not many."""

    def __init__(self, pipe: IO[bytes] | None) -> None:
        self._lines: queue.Queue[bytes | None] = queue.Queue(_UNREAD)
        self._is_closed = threading.Event()
        threading.Thread(target=self._read, args=(pipe,), daemon=True).start()

    def next(self, seconds: float) -> bytes | None:
        """Return the next line without its end, or None after the last one; raises queue.Empty if none comes."""
        return self._lines.get(timeout=seconds)

    def close(self) -> None:
        """Read no more."""
        self._is_closed.set()

    def _read(self, pipe: IO[bytes] | None) -> None:
        with suppress(OSError, ValueError):  # another process held the pipe, and it was closed here
            rest = b""
            while pipe is not None and (chunk := os.read(pipe.fileno(), _CHUNK_BYTES)):
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    self._put(line.rstrip(b"\r"))
                if len(rest) > _LINE_BYTES:
                    self._put(rest)
                    rest = b""
            if rest:
                self._put(rest)
        with suppress(OSError):
            self._put(None)

    def _put(self, line: bytes | None) -> None:
        while not self._is_closed.is_set():
            with suppress(queue.Full):
                self._lines.put(line, timeout=_LOOK_SECONDS)
                return
        raise OSError("nobody listens any more")

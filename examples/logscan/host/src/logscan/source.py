"""Opens what the user names: a file, or "-" for the standard input; compressed with gzip or not.

The result is a stream of uncompressed bytes, which is read once from start to end, and a copy of its head.
gzip is recognised by its first two bytes, not by a name. Every error becomes an `UnreadableError`, even in the
middle of the file.
"""

from __future__ import annotations

import gzip
import io
import os
import stat
import sys
import zlib
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from logscan.errors import UnreadableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeAlias

    from _typeshed import WriteableBuffer

    OnRead: TypeAlias = Callable[[int, int | None], None]

STANDARD_INPUT: Final = "-"
HEAD_BYTES: Final = 64 * 1024
_GZIP_MAGIC: Final = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Source:
    """A stream, and a copy of its first `HEAD_BYTES`."""

    head: bytes
    stream: BinaryIO

    @property
    def is_blank(self) -> bool:
        """Whether it contains only white space."""
        return len(self.head) < HEAD_BYTES and not self.head.strip()


def title(name: str) -> str:
    """Return the name that messages use for this file."""
    return "standard input" if name == STANDARD_INPUT else name


@contextmanager
def open_source(name: str, *, on_read: OnRead | None = None) -> Iterator[Source]:
    """Open the file `name`; raises UnreadableError, as does reading from the stream.

    `on_read` is called for every piece that is read, with its number of bytes and that of the whole file, or
    None. Both count the bytes in the file itself, compressed or not.
    """
    with ExitStack() as stack:
        with _one_error():
            raw = _standard_input() if name == STANDARD_INPUT else stack.enter_context(_open(Path(name)))
            magic = raw.read(len(_GZIP_MAGIC))
            whole = _replay(magic, raw, on_read)
            if magic == _GZIP_MAGIC:
                whole = io.BufferedReader(stack.enter_context(gzip.GzipFile(fileobj=whole, mode="rb")))
            head = whole.read(HEAD_BYTES)
        yield Source(head, _replay(head, whole))


def _standard_input() -> BinaryIO:
    if sys.stdin is None:  # whoever started the process closed it
        raise UnreadableError("is closed")
    return sys.stdin.buffer


def _open(path: Path) -> BinaryIO:
    if path.is_dir():  # Windows would say "permission denied"
        raise UnreadableError("is a directory")
    return path.open("rb")


def _replay(head: bytes, rest: BinaryIO, on_read: OnRead | None = None) -> io.BufferedReader:
    return io.BufferedReader(_Replay(head, rest, on_read), HEAD_BYTES)


class _Replay(io.RawIOBase):
    """`head`, which has been read already, and then `rest`; works for pipes, which cannot seek."""

    def __init__(self, head: bytes, rest: BinaryIO, on_read: OnRead | None) -> None:
        self._head = head
        self._rest = rest
        self._on_read = on_read
        self._size = None if on_read is None else _size(rest)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer)
        data, self._head = self._head[: len(view)], self._head[len(view) :]
        if not data:
            with _one_error():
                data = self._rest.read(len(view))
        view[: len(data)] = data
        if self._on_read is not None:
            self._on_read(len(data), self._size)
        return len(data)


def _size(file: BinaryIO) -> int | None:
    """Return how many bytes a file has; None for a pipe, a terminal or a device."""
    status = os.fstat(file.fileno())
    return status.st_size if stat.S_ISREG(status.st_mode) else None


@contextmanager
def _one_error() -> Iterator[None]:
    """Turn everything that opening and reading can raise into an UnreadableError."""
    try:
        yield
    except EOFError as error:
        raise UnreadableError("the gzip data ends too early") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise UnreadableError(f"the gzip data is damaged: {_lower_first(str(error))}") from error
    except OSError as error:
        raise UnreadableError(_lower_first(error.strerror or str(error))) from error


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]

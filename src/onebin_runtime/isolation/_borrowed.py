"""Streams and iterators that stay in another process and are read from here in pieces."""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Iterator
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

# An iterator is read ahead by at most this many items, and for at most this long.
BATCH_ITEMS = 256
BATCH_SECONDS = 0.02
STREAM_BYTES = 256 * 1024


class BorrowedIterator(Iterator):  # type: ignore[type-arg]  # a parametrized base would make the class slower to create
    """An iterator in the other process, whose items arrive in batches."""

    def __init__(self, ask: Callable[..., Any], number: int, dropped: list[int]) -> None:
        self._ask = ask
        self._number = number
        self._dropped = dropped
        self._items: deque[Any] = deque()
        self._is_over = False

    def __next__(self) -> Any:
        while not self._items:
            if self._is_over:
                raise StopIteration
            try:
                items, self._is_over = self._ask("next", self._number)
            except Exception:
                self._is_over = True
                raise
            self._items.extend(items)
        return self._items.popleft()

    def close(self) -> None:
        """Close the iterator; a generator runs its `finally` blocks now."""
        if not self._is_over:
            self._is_over = True
            self._ask("close", self._number)
        self._items.clear()

    def __del__(self) -> None:
        # Do not send anything from here: the garbage collector may run while another message is being sent.
        self._dropped.append(self._number)


def fill(items: list[Any], iterator: Any) -> bool:
    """Append the next items of an iterator to a list, and return whether the iterator is exhausted."""
    until = monotonic() + BATCH_SECONDS
    for item in iterator:
        items.append(item)
        if len(items) >= BATCH_ITEMS or monotonic() > until:
            return False
    return True


class _Raw(io.RawIOBase):
    def __init__(self, ask: Callable[..., Any], number: int, dropped: list[int], *, is_seekable: bool) -> None:
        self._ask = ask
        self._number = number
        self._dropped = dropped
        self._is_seekable = is_seekable

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._is_seekable

    def readinto(self, buffer: Any, /) -> int:
        data: bytes = self._ask("read", self._number, len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        if not self._is_seekable:
            raise io.UnsupportedOperation("seek")
        position: int = self._ask("seek", self._number, offset, whence)
        return position

    def __del__(self) -> None:
        self._dropped.append(self._number)


def borrowed_stream(ask: Callable[..., Any], number: int, dropped: list[int], *, kind: str, is_seekable: bool) -> Any:
    """Return a readable stream whose content, bytes or (for kind "text") text, comes from the other process."""
    buffered = io.BufferedReader(_Raw(ask, number, dropped, is_seekable=is_seekable), STREAM_BYTES)
    if kind == "binary":
        return buffered
    return io.TextIOWrapper(buffered, encoding="utf-8", errors="surrogatepass", newline="\n")


def is_text(stream: Any) -> bool:
    """Return whether reading a stream returns text."""
    return isinstance(stream, io.TextIOBase) or hasattr(stream, "encoding")


def piece(stream: Any, size: int) -> bytes:
    """Return up to `size` bytes of a stream; text is encoded as UTF-8, with at most four bytes per character."""
    if is_text(stream):
        text: str = stream.read(max(1, size // 4))
        return text.encode("utf-8", "surrogatepass")
    data: bytes | None = stream.read1(size) if hasattr(stream, "read1") else stream.read(size)
    return data or b""

"""Reading binary streams piece by piece, with the offset of each piece."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import BinaryIO


class Bytes:
    """A stream whose reads return all bytes asked for, unless it ends; `offset` is the number of bytes read so far."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._ahead = b""
        self.offset = 0

    def peek(self, size: int) -> bytes:
        """Return the next bytes without consuming them."""
        self._ahead = self._take(size) + self._ahead
        return self._ahead

    def read(self, size: int) -> bytes:
        """Return the next bytes, fewer only at the end of the stream."""
        data = self._take(size)
        self.offset += len(data)
        return data

    def _take(self, size: int) -> bytes:
        data, self._ahead = self._ahead[:size], self._ahead[size:]
        while len(data) < size and (more := self._stream.read(size - len(data))):
            data += more
        return data

r"""Text in any encoding as UTF-8: PowerShell and spreadsheets often write UTF-16.

A byte that is not text in its encoding becomes `\x` and its two hexadecimal digits; nothing raises.
"""

from __future__ import annotations

import codecs
import io
from typing import TYPE_CHECKING, BinaryIO, Final

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

BYTE_ORDER_MARK: Final = codecs.BOM_UTF8
"""The mark as it is in UTF-8."""

# The marks of UTF-32 come first: that of UTF-16-LE is the beginning of one of them.
_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CHUNK: Final = 64 * 1024


def marked_encoding(head: bytes) -> str | None:
    """Return the encoding that the byte order mark at the start of a file names, or None for UTF-8."""
    return next((encoding for mark, encoding in _MARKS if head.startswith(mark)), None)


def head_as_utf8(head: bytes, encoding: str | None) -> bytes:
    """Return the head of a file in UTF-8, without a character that is cut off at its end, and without a mark."""
    if encoding is not None:
        text = codecs.getincrementaldecoder(encoding)("backslashreplace").decode(head)
        head = text.encode("utf-8", "backslashreplace")
    return head.removeprefix(BYTE_ORDER_MARK)


def as_utf8(head: bytes, rest: BinaryIO, encoding: str) -> io.BufferedReader:
    """Return `head` and then `rest`, which are in `encoding`, as a stream in UTF-8; a mark stays."""
    return io.BufferedReader(_Recoded(head, rest, encoding), _CHUNK)


class _Recoded(io.RawIOBase):
    """A stream that reads another encoding and returns UTF-8."""

    def __init__(self, head: bytes, rest: BinaryIO, encoding: str) -> None:
        self._decoder = codecs.getincrementaldecoder(encoding)("backslashreplace")
        self._ready = self._recode(head)
        self._rest = rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        while not self._ready:
            data = self._rest.read(_CHUNK)
            self._ready = self._recode(data, is_end=not data)
            if not data:
                break
        view = memoryview(buffer)
        data, self._ready = self._ready[: len(view)], self._ready[len(view) :]
        view[: len(data)] = data
        return len(data)

    def _recode(self, data: bytes, *, is_end: bool = False) -> bytes:
        return self._decoder.decode(data, is_end).encode("utf-8", "backslashreplace")

"""Reads numbered physical lines from a binary stream, for the parsers of line-based formats.

A line ends with LF or CR LF. Text in UTF-16 or UTF-32 is recognised by its byte order mark. A line longer than
`MAX_LINE_BYTES` arrives cut off, so that a file without line ends costs no more memory than any other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple

from logscan.unicode import BYTE_ORDER_MARK, as_utf8, head_as_utf8, marked_encoding

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_LINE_BYTES: Final = 1024 * 1024


class Line(NamedTuple):
    """One physical line without its end; `is_cut` if only its first `MAX_LINE_BYTES` bytes are here."""

    number: int
    data: bytes
    is_cut: bool

    @property
    def text(self) -> str:
        r"""The line as UTF-8; a byte that is not UTF-8 becomes `\x` and its two hexadecimal digits."""
        return self.data.decode("utf-8", "backslashreplace")


TOO_LONG: Final = f"longer than {MAX_LINE_BYTES // 1024} KiB"
"""The reason to give in the `Fault` for a line that is cut."""


def read_lines(stream: BinaryIO) -> Iterator[Line]:
    """Yield the lines of `stream`, numbered from 1, without the byte order mark of some UTF-8 files."""
    data = stream.readline(MAX_LINE_BYTES)
    if encoding := marked_encoding(data):
        stream = as_utf8(data, stream, encoding)
        data = stream.readline(MAX_LINE_BYTES)
    number = 0
    while data:
        number += 1
        is_cut = len(data) == MAX_LINE_BYTES and not data.endswith(b"\n")
        if is_cut:
            is_cut = _skip_rest_of_line(stream)
        if number == 1:
            data = data.removeprefix(BYTE_ORDER_MARK)
        yield Line(number, data.removesuffix(b"\n").removesuffix(b"\r"), is_cut)
        data = stream.readline(MAX_LINE_BYTES)


def _skip_rest_of_line(stream: BinaryIO) -> bool:
    """Skip the rest of the line; return False if nothing was left of it."""
    rest = stream.readline(MAX_LINE_BYTES)
    is_cut = bool(rest.rstrip(b"\r\n"))
    while rest and not rest.endswith(b"\n"):
        rest = stream.readline(MAX_LINE_BYTES)
    return is_cut


def whole_lines(head: bytes) -> list[Line]:
    """Return those lines of the head of a file that are not blank, for a parser to sniff.

    The last line, which may be cut off, is left out unless it is the only one.
    """
    head = head_as_utf8(head, marked_encoding(head))
    lines = [
        Line(number, data.removesuffix(b"\r"), is_cut=False)
        for number, data in enumerate(head.split(b"\n"), 1)
        if data.strip()
    ]
    if len(lines) > 1 and not head.endswith(b"\n"):
        lines.pop()
    return lines

"""The encoding of an XML file, found as in XML 1.0, appendix F: by its mark, its first bytes, or its declaration."""

from __future__ import annotations

import re
from typing import Final

from logscan.unicode import marked_encoding

_FIRST_BYTES: Final = (
    (b"<\0\0\0", "utf-32-le"),
    (b"\0\0\0<", "utf-32-be"),
    (b"<\0", "utf-16-le"),
    (b"\0<", "utf-16-be"),
)
_DECLARED: Final = re.compile(rb"""\s*<\?xml\s[^>]*?\sencoding\s*=\s*["']([A-Za-z][\w.-]*)""")

# Python has codecs that are not encodings of XML, such as punycode.
_EIGHT_BITS: Final = re.compile(
    r"iso-8859-\d+|windows-(?:125\d|874)|koi8-[ru]|shift_jis|euc-(?:jp|kr)|gb(?:k|2312|18030)|big5", re.IGNORECASE
)


def find_encoding(head: bytes) -> str | None:
    """Return the encoding of a file that begins with `head`, or None for UTF-8.

    A declaration of UTF-16 is ignored if the bytes are not UTF-16: the file has been converted since.
    """
    if encoding := marked_encoding(head):
        return encoding
    for start, encoding in _FIRST_BYTES:
        if head.startswith(start):
            return encoding
    declared = _DECLARED.match(head)
    name = declared[1].decode("ascii") if declared else ""
    return name if _EIGHT_BITS.fullmatch(name) else None

"""The file of a side-car: a zip in one canonical form, with its signature as the archive's comment.

Nothing of the zip is parsed before the signature has been checked. Then the facts, its first member, say which members
follow, and each byte between their contents must be the one that this form has there. So there are no links,
duplicates, second names, hidden members or compressed ones to look for: whatever differs is refused.

docs/side-cars.md describes the form. All members are stored, in the order of their names, with the date 1980-01-01.
"""

from __future__ import annotations

import binascii
import struct

from onebin_runtime.side_cars._errors import Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

FACTS = "obplugin.json"
FOLDER = "files/"
LARGEST = 256 * 2**20
LARGEST_FACTS = 4 * 2**20
_END = b"PK\x05\x06"
_END_SIZE, _LONGEST_COMMENT = 22, 65_535
_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_LAST = struct.Struct("<4s4H2IH")
_MADE_BY, _NEEDS, _UTF8, _DATE = 0x0314, 20, 0x0800, 0x0021
_NOT_CANONICAL = "it is not in the form that `onebin pack-plugin` writes"


def split(content: bytes) -> tuple[bytes, bytes]:
    """Return what is signed, and the armoured signature; raises Refused if the bytes are no container.

    What is signed is the zip without its comment.
    """
    end = content.rfind(_END, max(0, len(content) - _END_SIZE - _LONGEST_COMMENT))
    comment = end + _END_SIZE
    if end < 0 or comment > len(content):
        raise Refused("it is not a side-car, or it was cut off")
    if int.from_bytes(content[comment - 2 : comment], "little") != len(content) - comment:
        raise Refused("it is not a side-car, or it was cut off")
    return content[: comment - 2] + b"\0\0", content[comment:]


def facts_in(signed: bytes) -> bytes:
    """Return the text of the facts, which are the first member; raises Refused."""
    begin = _LOCAL.size + len(FACTS)
    if len(signed) < begin:
        raise Refused(_NOT_CANONICAL)
    size = _LOCAL.unpack_from(signed)[8]
    if size > LARGEST_FACTS:
        raise Refused(f"its {FACTS} is larger than {LARGEST_FACTS >> 20} MiB")
    return signed[begin : begin + size]


def contents(signed: bytes, members: Iterable[tuple[str, int, bool]]) -> Iterator[tuple[str, memoryview]]:
    """Yield the path and the bytes of each file; raises Refused, at the end, if the form is another one.

    `members` are the paths, sizes and whether they are executable, in the order in which the facts list them.
    """
    whole = memoryview(signed)
    facts = facts_in(signed)
    entries: list[bytes] = []
    position = 0

    def next_member(name: str, size: int, mode: int) -> memoryview:
        nonlocal position
        begin = position + _LOCAL.size + len(name.encode())
        content = whole[begin : begin + size]
        local, entry = _headers(name, size, mode, binascii.crc32(content), position)
        _expect(whole, position, local)
        entries.append(entry)
        position = begin + size
        return content

    next_member(FACTS, len(facts), 0o644)
    for path, size, is_executable in members:
        yield path, next_member(f"{FOLDER}{path}", size, 0o755 if is_executable else 0o644)
    directory = b"".join(entries)
    count = len(entries)
    last = _LAST.pack(_END, 0, 0, count & 0xFFFF, count & 0xFFFF, len(directory), position, 0)
    _expect(whole, position, directory + last)
    if position + len(directory) + len(last) != len(whole):
        raise Refused(_NOT_CANONICAL)


def _headers(name: str, size: int, mode: int, crc: int, offset: int) -> tuple[bytes, bytes]:
    """Return the local header of a member, and its entry in the directory (APPNOTE, 4.3.7 and 4.3.12)."""
    encoded = name.encode()
    common = (_NEEDS, 0 if name.isascii() else _UTF8, 0, 0, _DATE, crc, size, size, len(encoded), 0)
    local = _LOCAL.pack(b"PK\x03\x04", *common) + encoded
    attributes = (0o100000 | mode) << 16
    return local, _CENTRAL.pack(b"PK\x01\x02", _MADE_BY, *common, 0, 0, 0, attributes, offset) + encoded


def _expect(whole: memoryview, position: int, expected: bytes) -> None:
    if whole[position : position + len(expected)] != expected:
        raise Refused(_NOT_CANONICAL)

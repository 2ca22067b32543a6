"""Remove the columns from code, so that only lines are left. Standard library only.

Columns mark a part of the source line in a traceback. Without the source, nobody sees them, and they take a quarter of
the compressed code. CPython does the same with `-X no_debug_ranges` (PEP 657); its Objects/locations.md has the format.
"""

from __future__ import annotations

import sys
from types import CodeType

_HAVE_COLUMNS = (3, 11)
_FIRST = 0x80  # the bit of the first byte of an entry; then there are four for its kind, and three for its length
_ONE_LINE, _ONLY_LINE, _NOWHERE = 10, 13, 15  # kinds; those below 10 are on the line of the entry before
_MORE = 0x40  # the bit of each byte of a number but the last one


def forget(code: CodeType) -> CodeType:
    """Return code, and all code in it, without columns."""
    if sys.version_info < _HAVE_COLUMNS:
        return code
    constants = tuple(forget(each) if isinstance(each, CodeType) else each for each in code.co_consts)
    return code.replace(co_consts=constants, co_linetable=_only_lines(code.co_linetable))


def _only_lines(table: bytes) -> bytes:
    found, start = bytearray(), 0
    while start < len(table):
        first, kind = table[start], table[start] >> 3 & 15
        if kind == _NOWHERE:
            found.append(first)
        else:
            found.append(_FIRST | _ONLY_LINE << 3 | first & 7)
            found += _number(_lines_down(table, start, kind))
        start += 1
        while start < len(table) and not table[start] & _FIRST:
            start += 1
    return bytes(found)


def _lines_down(table: bytes, start: int, kind: int) -> int:
    """Return how many lines an entry is below the one before, in the form that it is written in: twice, sign last."""
    if kind < _ONLY_LINE:
        return 2 * max(kind - _ONE_LINE, 0)
    value = shift = 0
    while True:
        start += 1
        value |= (table[start] & (_MORE - 1)) << shift
        shift += 6
        if not table[start] & _MORE:
            return value


def _number(value: int) -> bytes:
    found = bytearray()
    while value >= _MORE:
        found.append(_MORE | value & (_MORE - 1))
        value >>= 6
    return bytes([*found, value])

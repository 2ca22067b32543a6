"""Marshal code so that its bytes depend on nothing but the code.

Before 3.11, CPython marks a string for later references only if something else refers to it at that moment. Most
strings of code are interned, so the bytes would show whether another module in memory uses the same name.
"""

from __future__ import annotations

import marshal
import sys
from types import CodeType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


# CPython 3.11 in `sys.hexversion`. onebin itself needs at least that, but the stage may be older.
_MARKS_ALL = 0x030B0000


def steady() -> None:
    """Make `marshal` write such bytes in this process: while it writes, each part of a value has one more reference."""
    if sys.hexversion >= _MARKS_ALL:
        return
    dumps = marshal.dumps

    def held(value: Any, version: int = marshal.version) -> bytes:
        parts = list(_parts(value))
        try:
            return dumps(value, version)
        finally:
            parts.clear()

    def written(value: Any, file: Any, version: int = marshal.version) -> None:
        file.write(held(value, version))

    marshal.dumps, marshal.dump = held, written


def _parts(value: Any) -> Iterator[Any]:
    yield value
    if isinstance(value, (tuple, list, set, frozenset)):
        for each in value:
            yield from _parts(each)
    elif isinstance(value, dict):
        yield from _parts([*value, *value.values()])
    elif isinstance(value, CodeType):
        yield from (value.co_filename, value.co_name)
        for names in (value.co_names, value.co_varnames, value.co_cellvars, value.co_freevars):
            yield from names
        yield from _parts(value.co_consts)

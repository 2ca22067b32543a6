"""Write code.bin: the code of an installation's modules, which the starter maps instead of reading .pyc files.

The file is a header, a hash table of modules by name, the roots, a hash table of regular expressions, then names,
paths, and code as `marshal` writes it. All numbers are little-endian, and all positions are offsets in the file.
launcher/native/starter/archive.h has the same layout in C. Standard library only.
"""

from __future__ import annotations

import importlib.util
import struct
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

MAGIC = b"obcode\0\2"  # its last byte is the number of the format
HEADER = struct.Struct("<8sI4s32sQ9I4x")
ROOT = struct.Struct("<3I")
SLOT = struct.Struct("<7I3Bx")
PATTERN = struct.Struct("<5I")

PYTHON_VARIABLES, START_HOOK, QUIET_EXIT, HUGE_PAGES = 1, 2, 4, 8  # flags of the header
OWN, COMPLETE = 1, 2  # flags of a root
SOURCE, EXTENSION = 1, 2  # kinds of modules
MOST_ROOTS = 32  # a slot has one bit for each
NO_SOURCE = 0xFFFFFFFF  # in place of a source's size
_KEY_TAIL = 5  # bytes of a pattern's key after its text


class Root(NamedTuple):
    """A folder of modules, as a path relative to the tree.

    The modules of an `own` root are found whatever sys.path is. A root is `complete` if each of its modules is among
    the entries, with or without code, so that a module that is not listed is not there.
    """

    path: str
    own: bool = False
    complete: bool = False


class Entry(NamedTuple):
    """A module: its full name, the number of its root, and its file as a path below that root.

    `size` is the size of the source in bytes, or None if the tree has only the code. `code` is the marshalled code; it
    is None for an extension module, and for a source without code, which the starter finds as quickly but compiles as
    Python does.
    """

    name: str
    root: int
    path: str
    is_package: bool
    size: int | None
    code: bytes | None


class Script(NamedTuple):
    """The console script in bin that is the program: its name, its size in bytes, and its marshalled code, if any."""

    name: str
    size: int
    code: bytes | None


def write(  # noqa: PLR0913  # the parts of the header, each named where it is given
    file: str | Path,
    *,
    tree_sha256: bytes,
    script: Script,
    optimize: int,
    python_variables: bool,
    start_hook: bool,
    quiet_exit: bool,
    huge_pages: bool,
    roots: Sequence[Root],
    entries: Iterable[Entry],
    patterns: Mapping[tuple[str | bytes, int], bytes],
) -> None:
    """Write code.bin for the running version of Python; the bytes depend on the arguments alone.

    `roots` are in the order of sys.path. If several roots have a module, the first of them wins; if a root has several
    files of one name, the one that Python prefers. `optimize` is the level that the code was compiled for. `patterns`
    has for each regular expression and its flags what `patterns.py` makes of it. Raises OSError, and ValueError for too
    many roots or too large a file.
    """
    if len(roots) > MOST_ROOTS:
        raise ValueError(f"an archive has {MOST_ROOTS} roots at most, not {len(roots)}")
    modules, holders = _select(entries)
    slots, pattern_slots = _slots(len(modules)), _slots(len(patterns)) if patterns else 0
    tables = slots * SLOT.size + len(roots) * ROOT.size + pattern_slots * PATTERN.size
    pool = _Pool(HEADER.size + tables)
    script_offset = pool.text(script.name)
    listed = b"".join(
        ROOT.pack(pool.text(root.path), len(root.path.encode()), root.own * OWN | root.complete * COMPLETE)
        for root in roots
    )
    table = [bytes(SLOT.size)] * slots
    for entry in modules:
        number = _free_slot(table, digest(entry.name))
        table[number] = _slot(entry, holders[entry.name], pool)
    expressions = [bytes(PATTERN.size)] * pattern_slots
    for hashed, packed in _packed(patterns, pool):
        expressions[_free_slot(expressions, hashed)] = packed
    script_code = script.code or b""
    script_code_offset = pool.data(script_code)
    header = HEADER.pack(
        MAGIC,
        sys.hexversion >> 16,
        importlib.util.MAGIC_NUMBER,
        tree_sha256,
        pool.end,
        slots,
        len(roots),
        python_variables * PYTHON_VARIABLES
        | start_hook * START_HOOK
        | quiet_exit * QUIET_EXIT
        | huge_pages * HUGE_PAGES,
        optimize,
        script_offset,
        script.size,
        script_code_offset,
        len(script_code),
        pattern_slots,
    )
    Path(file).write_bytes(b"".join([header, *table, listed, *expressions, *pool.parts]))


def _slots(count: int) -> int:
    """Return the size of a hash table: a power of two, and at least twice the number of its entries."""
    slots = 2
    while slots < 2 * count:
        slots *= 2
    return slots


def digest(name: str | bytes) -> int:
    """Return the 32-bit FNV-1a hash of a module's name, or of an expression's key, by which a table is addressed."""
    value = 0x811C9DC5
    for byte in name.encode() if isinstance(name, str) else name:
        value = ((value ^ byte) * 0x01000193) & 0xFFFFFFFF
    return value


class _Pool:
    """The part of the file after the tables: texts, each once and ended by NUL, and code."""

    def __init__(self, start: int) -> None:
        self.parts: list[bytes] = []
        self.end = start
        self._texts: dict[str, int] = {}

    def text(self, text: str) -> int:
        """Return the offset of a text."""
        if text not in self._texts:
            self._texts[text] = self.data(text.encode() + b"\0")
        return self._texts[text]

    def data(self, data: bytes) -> int:
        """Append data, and return its offset."""
        offset = self.end
        self.parts.append(data)
        self.end += len(data)
        if self.end >= 1 << 32:
            raise ValueError("the code takes more than 4 GiB")
        return offset


def _select(entries: Iterable[Entry]) -> tuple[list[Entry], dict[str, int]]:
    """Return the entry that an import finds for each name, sorted, and a bit for each root that has the name."""
    chosen: dict[str, Entry] = {}
    holders: dict[str, int] = {}
    for entry in entries:
        holders[entry.name] = holders.get(entry.name, 0) | 1 << entry.root
        other = chosen.get(entry.name)
        if other is None or _rank(entry) < _rank(other):
            chosen[entry.name] = entry
    return [chosen[name] for name in sorted(chosen)], holders


def _rank(entry: Entry) -> tuple[int, bool, bool, str]:
    """Return what orders the entries of one name: by root, and within a root as importlib's FileFinder does."""
    return entry.root, not entry.is_package, _kind(entry) == SOURCE, entry.path


def _kind(entry: Entry) -> int:
    return SOURCE if entry.path.endswith(".py") else EXTENSION


def _free_slot(table: Sequence[bytes], value: int) -> int:
    number = value & (len(table) - 1)
    while any(table[number]):
        number = (number + 1) & (len(table) - 1)
    return number


def _packed(patterns: Mapping[tuple[str | bytes, int], bytes], pool: _Pool) -> Iterable[tuple[int, bytes]]:
    """Yield the hash and the slot of each regular expression, in the order of their keys."""
    parts = {_pattern_key(text, flags): made for (text, flags), made in patterns.items()}
    for key, made in sorted(parts.items()):
        hashed = digest(key)
        yield hashed, PATTERN.pack(hashed, pool.data(key), len(key) - _KEY_TAIL, pool.data(made), len(made))


def _pattern_key(text: str | bytes, flags: int) -> bytes:
    """Return the text, its flags, and whether it is bytes."""
    data = text.encode() if isinstance(text, str) else text
    return data + flags.to_bytes(4, "little") + bytes([isinstance(text, bytes)])


def _slot(entry: Entry, holders: int, pool: _Pool) -> bytes:
    name, path = pool.text(entry.name), pool.text(entry.path)
    code = entry.code or b""
    return SLOT.pack(
        digest(entry.name),
        name,
        path,
        pool.data(code),
        len(code),
        NO_SOURCE if entry.size is None else entry.size,
        holders,
        entry.root,
        _kind(entry),
        entry.is_package,
    )

"""Measure how many bytes of an artifact belong to each owner, uncompressed and in the file.

A payload is compressed as a whole, so an owner's part of the file is an estimate: its share when the files of each
owner are compressed by themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import zstandard

from onebin.card import BOOTLOADER, C_LIBRARY, DISTRIBUTION, INTERPRETER, LAUNCHER, MANIFEST, ONEBIN, SYSTEM
from onebin.tree import CODE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from onebin.card import Payload, SizeRow
    from onebin.freeze.tree import Contents

_KINDS = frozenset({BOOTLOADER, C_LIBRARY, INTERPRETER, MANIFEST, ONEBIN, SYSTEM})
_LEVEL = 3
_CHUNK = 1 << 20


def measure(
    contents: Contents, owners: Mapping[str, Sequence[str]], files: Mapping[str, Path], executable: Path | None
) -> list[SizeRow]:
    """Return a row for each owner. `in_file` is the size of its files, compressed by themselves. Raises OSError.

    The code of modules counts for their owners. The rest of what holds it (code.bin, or the executable) is onebin's or
    the bootloader's.
    """
    holder = executable or files[CODE]
    whole, packed = holder.stat().st_size, _compressed([holder])
    codes = {name: code.size for name, code in contents.codes.items()}
    rest = BOOTLOADER if executable else ONEBIN
    found = []
    for owner, places in owners.items():
        paths = [files[each] for each in places if each in files and files[each] != holder]
        modules = [codes[each] for each in places if each in codes and each not in files]
        size = sum(modules) + (max(whole - sum(codes.values()), 0) if owner == rest else 0)
        found.append(
            _row(
                owner,
                files=len(paths) + len(modules),
                size=size + sum(path.stat().st_size for path in paths),
                in_file=_compressed(paths) + packed * size // max(whole, 1),
            )
        )
    return found


def in_artifact(rows: Iterable[SizeRow], payload: Payload, size: int) -> list[SizeRow]:
    """Return the rows with their shares of an artifact; `size` is that of its executable part in bytes.

    `size` is 0 for a folder, in which nothing is compressed.
    """
    rows = list(rows)
    if not size:
        return [{**row, "in_file": row["bytes"]} for row in rows]
    room, taken = payload.size or size, max(sum(row["in_file"] for row in rows), 1)
    shared: list[SizeRow] = [{**row, "in_file": round(row["in_file"] * room / taken)} for row in rows]
    return [*shared, *([_row(LAUNCHER, files=1, size=payload.offset, in_file=payload.offset)] if payload.size else [])]


def _row(owner: str, *, files: int, size: int, in_file: int) -> SizeRow:
    kind = owner if owner in {*_KINDS, LAUNCHER} else DISTRIBUTION
    return {"owner": owner, "kind": kind, "files": files, "bytes": size, "in_file": in_file}


def _compressed(files: Iterable[Path]) -> int:
    """Return how many bytes the files take when they are compressed together."""
    compressor, size = zstandard.ZstdCompressor(level=_LEVEL).compressobj(), 0
    for file in files:
        with file.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                size += len(compressor.compress(chunk))
    return size + len(compressor.flush())

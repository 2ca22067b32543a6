"""Writes realistic logs, one for every format that logscan's plugins read.

The same seed and number of entries give the same bytes, on every platform and version of Python. Some entries
are malformed, in the ways that occur in practice; `Written` says what is where.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sample_logs.binary import traffic, wtmp
from sample_logs.chance import Chance
from sample_logs.entry import BAD, FRAME, Entry
from sample_logs.events import security, shop
from sample_logs.lines import access, app, auth, orders

if TYPE_CHECKING:
    from pathlib import Path

Maker = Callable[[Chance, int], Iterator[Entry]]

TEXT: Final[Mapping[str, tuple[Maker, str]]] = {
    "app.jsonl": (app, "utf-8"),
    "auth.syslog": (auth, "utf-8"),
    "access.log": (access, "utf-8"),
    "orders.csv": (orders, "utf-8"),
    "shop.log4j.xml": (shop, "utf-8"),
    "security.xml": (security, "utf-16-le"),
}
"""The files that are text, and their encodings."""

BINARY: Final[Mapping[str, Maker]] = {"wtmp": wtmp, "traffic.pcap": traffic}
"""The files that are not."""


@dataclass(frozen=True)
class Written:
    """One file: its records by level, and where its faults are: lines from 1, or in a binary file offsets from 0."""

    file: Path
    levels: Mapping[str, int]
    faults: tuple[int, ...]


def generate(directory: Path, *, seed: int, entries: int) -> list[Written]:
    """Write all files, with about `entries` entries each, into `directory`, which is created if it is missing."""
    return [write(directory / name, seed=seed, entries=entries) for name in (*TEXT, *BINARY)]


def write(file: Path, *, seed: int, entries: int) -> Written:
    """Write the sample whose name `file` has."""
    file.parent.mkdir(parents=True, exist_ok=True)
    chance = Chance(f"{seed} {file.name}")
    if file.name in BINARY:
        return _write(file, BINARY[file.name](chance, entries), "")
    maker, encoding = TEXT[file.name]
    return _write(file, maker(chance, entries), encoding)


def _write(file: Path, entries: Iterator[Entry], encoding: str) -> Written:
    levels: Counter[str] = Counter()
    faults: list[int] = []
    place = 1 if encoding else 0
    with file.open("wb") as stream:
        for content, level, fault_at in entries:
            data = content.encode(encoding) if isinstance(content, str) else content
            stream.write(data)
            if level == BAD:
                faults.append(place + fault_at)
            elif level != FRAME:
                levels[level] += 1
            place += content.count("\n") if isinstance(content, str) else len(data)
    return Written(file, levels, tuple(faults))

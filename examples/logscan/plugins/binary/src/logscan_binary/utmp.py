"""The login records of Linux: utmp, wtmp and btmp (utmp(5)).

A record has 384 bytes where times have 32 bits (x86-64 as well as most others), and 400 where they have 64
(arm64, for one). It is in the byte order of the machine that wrote it. The file does not say which layout it
has; the parser takes the one in which most of the first records make sense.
"""

from __future__ import annotations

import ipaddress
import struct
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple

from logscan.contract import Fault, Record
from logscan.times import from_seconds

from logscan_binary._bytes import Bytes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from logscan.contract import Parser

# type, pid, line, id, user, host, termination, exit status, session, seconds, microseconds, address; the gaps are
# where C aligns the next member.
_NARROW: Final = "h2xi32s4s32s256shhiii16s20x"
_WIDE: Final = "h2xi32s4s32s256shhqqq16s20x4x"
_LAYOUTS: Final = tuple(struct.Struct(order + members) for members in (_NARROW, _WIDE) for order in "<>")

_EMPTY: Final = 0
_MESSAGES: Final = {
    1: "run level changed",
    2: "system boot",
    3: "clock set: new time",
    4: "clock set: old time",
    5: "process started by init",
    6: "waiting for login",
    7: "login",
    8: "logout or end of process",
    9: "accounting",
}
_SNIFF_RECORDS: Final = 40
_SURE: Final = 0.95


class Utmp:
    """Logins on Linux: utmp, wtmp and btmp.

    Both widths of time and both byte orders are read. A record that makes no sense, and one that the end of
    the file cuts off, is a fault at its offset. Records that are empty are skipped.
    """

    name = "utmp"

    def sniff(self, head: bytes) -> float:
        """Return a little less than the share of records that make sense; 0 if all are empty or bad."""
        layout = _find_layout(head)
        items = [_read(layout, record, offset) for offset, record in _whole_records(layout, head)]
        good = sum(isinstance(item, Record) for item in items)
        return _SURE * good / (len(items) - items.count(None)) if good else 0.0

    def parse(self, stream: BinaryIO) -> Iterator[Record | Fault]:
        """Yield one record, or one fault, for every record that is not empty."""
        source = Bytes(stream)
        layout = _find_layout(source.peek(_SNIFF_RECORDS * _LAYOUTS[-1].size))
        while True:
            offset = source.offset
            data = source.read(layout.size)
            if len(data) < layout.size:
                break
            item = _read(layout, data, offset)
            if item is not None:
                yield item
        if data:
            yield Fault(offset=offset, reason=f"the last record is cut off: {len(data)} bytes of {layout.size}")


class _Entry(NamedTuple):
    """The members of a record, as they are in the file."""

    kind: int
    process: int
    line: bytes
    identity: bytes
    user: bytes
    host: bytes
    termination: int
    status: int
    session: int
    seconds: int
    microseconds: int
    address: bytes


def _whole_records(layout: struct.Struct, head: bytes) -> Iterator[tuple[int, bytes]]:
    for offset in range(0, min(len(head), _SNIFF_RECORDS * layout.size) - layout.size + 1, layout.size):
        yield offset, head[offset : offset + layout.size]


def _find_layout(head: bytes) -> struct.Struct:
    """Return the layout in which the largest share of the first records makes sense, the first of equals."""

    def share(layout: struct.Struct) -> float:
        items = [_read(layout, record, offset) for offset, record in _whole_records(layout, head)]
        return sum(isinstance(item, Record) for item in items) / len(items) if items else 0.0

    return max(_LAYOUTS, key=share)


def _read(layout: struct.Struct, data: bytes, offset: int) -> Record | Fault | None:
    entry = _Entry._make(layout.unpack(data))
    if entry.kind == _EMPTY:
        return Fault(offset=offset, reason="an empty record with something in it") if any(data) else None
    message = _MESSAGES.get(entry.kind)
    if message is None:
        return Fault(offset=offset, reason=f"no such type of record: {entry.kind}")
    time = _time(entry.seconds, entry.microseconds)
    if time is None:
        return Fault(offset=offset, reason=f"no such time: {entry.seconds} s and {entry.microseconds} us")
    try:
        texts = {name: _text(getattr(entry, name)) for name in ("line", "user", "host")}
    except ValueError:
        return Fault(offset=offset, reason="names with bytes in them that are no text")
    fields = {**texts, "process": str(entry.process or ""), "address": _address(entry.address)}
    return Record(
        offset=offset,
        time=time,
        level="info",
        message=message,
        fields={name: value for name, value in fields.items() if value},
    )


def _time(seconds: int, microseconds: int) -> datetime | None:
    if seconds <= 0 or not 0 <= microseconds < 1_000_000:
        return None
    return from_seconds(seconds, nanoseconds=microseconds * 1000)


def _text(data: bytes) -> str:
    """Return the text up to the first NUL; raises ValueError for control characters."""
    text = data.partition(b"\0")[0].decode("utf-8", "backslashreplace")
    if not text.isprintable():
        raise ValueError(text)
    return text


def _address(data: bytes) -> str:
    """Return the address; an IPv4 address is in the first four bytes, and the others are zero."""
    if not any(data):
        return ""
    return str(ipaddress.ip_address(data[:4] if not any(data[4:]) else data))


if TYPE_CHECKING:
    _keeps_contract: Parser = Utmp()

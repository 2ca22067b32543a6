"""Binary logs: logins as Linux on x86-64 notes them, and packets as tcpdump writes them."""

from __future__ import annotations

import ipaddress
import struct
from typing import TYPE_CHECKING, Final

from sample_logs.chance import USERS
from sample_logs.entry import BAD, FRAME, Entry, spoiled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sample_logs.chance import Chance

_UTMP: Final = struct.Struct("<hxxi32s4s32s256shhiii16s20x")
_BOOT, _LOGIN, _LOGOUT = 2, 7, 8
_SNAPSHOT: Final = 96
_TCP, _UDP = 6, 17
_SYN, _ACK = 0x02, 0x10


def wtmp(chance: Chance, count: int) -> Iterator[Entry]:
    """Yield logins and logouts, half of `count`; one in 25 makes no sense, and the last is cut off."""
    yield from spoiled(chance, count // 2, _login, (_of_no_type, _in_no_second), every=25)
    yield Entry(_bytes(_login(chance))[:100], BAD)


def _login(chance: Chance) -> Entry:
    kind = chance.weighted({_LOGIN: 50, _LOGOUT: 45, _BOOT: 5})
    time, process, address = chance.next_time(), 300 + chance.below(9000), chance.address()
    line, user, host, packed = (
        (b"~", b"reboot", b"6.1.0-18-amd64", b"")
        if kind == _BOOT
        else (b"pts/%d" % (process % 10), chance.one_of(USERS).encode(), address.encode(), _packed(address))
    )
    seconds, microseconds = int(time.timestamp()), time.microsecond
    names = (line, line[-4:], b"" if kind == _LOGOUT else user, b"" if kind == _LOGOUT else host)
    return Entry(_UTMP.pack(kind, process, *names, 0, 0, 0, seconds, microseconds, packed), "info")


def _of_no_type(entry: Entry) -> Entry:
    """Overwrite the type of the record."""
    return Entry(b"\xff\x7f" + _bytes(entry)[2:], BAD)


def _in_no_second(entry: Entry) -> Entry:
    """Overwrite the microseconds."""
    at = _UTMP.size - 40
    return Entry(_bytes(entry)[:at] + b"\xff\xff\xff\x7f" + _bytes(entry)[at + 4 :], BAD)


def traffic(chance: Chance, count: int) -> Iterator[Entry]:
    """Yield packets cut to their first 96 bytes; one in fifty has an invalid time, and the last is cut off."""
    yield Entry(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, _SNAPSHOT, 1), FRAME)
    yield from spoiled(chance, count, _packet, (_at_no_time,))
    yield Entry(_bytes(_packet(chance))[:30], BAD)


def _packet(chance: Chance) -> Entry:
    time, payload = chance.next_time(), chance.below(1400)
    protocol = chance.weighted({_TCP: 75, _UDP: 25})
    source, target, port = chance.address(), chance.address(), 30000 + chance.below(30000)
    if protocol == _TCP:
        flags = chance.weighted({_ACK: 80, _SYN: 10, _SYN | _ACK: 10})
        transport = struct.pack("!HHIIBBHHH", port, 443, chance.below(2**32), 0, 5 << 4, flags, 64240, 0, 0)
    else:
        transport = struct.pack("!HHHH", port, 53, 8 + payload, 0)
    length = 20 + len(transport) + payload
    network = struct.pack("!BBHHHBBH4s4s", 0x45, 0, length, 0, 0, 64, protocol, 0, _packed(source), _packed(target))
    link = bytes.fromhex("020000000001") + bytes.fromhex("020000000002") + b"\x08\x00"
    data = (link + network + transport + bytes(payload))[:_SNAPSHOT]
    header = struct.pack("<IIII", int(time.timestamp()), time.microsecond, len(data), len(link) + length)
    return Entry(header + data, "info")


def _at_no_time(entry: Entry) -> Entry:
    """Overwrite the microseconds."""
    return Entry(_bytes(entry)[:4] + b"\xff\xff\xff\xff" + _bytes(entry)[8:], BAD)


def _packed(address: str) -> bytes:
    return ipaddress.ip_address(address).packed


def _bytes(entry: Entry) -> bytes:
    """Return the content of an entry of a binary log."""
    if isinstance(entry.content, str):
        raise TypeError("an entry of a binary log is bytes")
    return entry.content

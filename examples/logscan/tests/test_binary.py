"""The binary formats: both layouts of utmp, all variants of pcap, and damaged files."""

from __future__ import annotations

import ipaddress
import struct

import pytest

from .example import is_fault, only, parse, parser, utc

NARROW, WIDE = "hxxi32s4s32s256shhiii16s20x", "hxxi32s4s32s256shhqqq16s24x"
every_layout = pytest.mark.parametrize("layout", [order + width for width in (NARROW, WIDE) for order in "<>"])


def login(
    layout: str, *, kind: int = 7, microseconds: int = 250_000, user: bytes = b"ann", address: str = "192.0.2.7"
) -> bytes:
    """Return a utmp record."""
    packed = ipaddress.ip_address(address).packed
    names = (b"pts/3", b"ts/3", user, b"gate1")
    return struct.pack(layout, kind, 4711, *names, 0, 0, 0, 1714982400, microseconds, packed)


@every_layout
def test_utmp_of_every_machine_is_read(layout: str) -> None:
    """All layouts of utmp are read: 32-bit and 64-bit times, in both byte orders."""
    data = login(layout) + login(layout, kind=8, user=b"", address="2001:db8::1")
    assert len(data) == 2 * (384 if layout.endswith(NARROW) else 400)
    first, second = parse("utmp", data)
    assert (first.offset, first.time, first.message) == (0, utc(2024, 5, 6, 8, 0, 0, 250_000), "login")
    assert first.fields == {"line": "pts/3", "user": "ann", "host": "gate1", "process": "4711", "address": "192.0.2.7"}
    assert (second.offset, second.message) == (len(data) // 2, "logout or end of process")
    assert second.fields["address"] == "2001:db8::1"
    assert parser("utmp").sniff(data) >= 0.5


@every_layout
def test_utmp_faults_have_offset_and_reason(layout: str) -> None:
    """A bad record does not affect the others, an empty one is skipped, and a truncated one is the last fault."""
    size = struct.calcsize(layout)
    records = (
        login(layout),
        bytes(size),
        login(layout, kind=77),
        login(layout, microseconds=1_000_000),
        login(layout, user=b"\x1b[2J"),
        login(layout),
        login(layout)[:-1],
    )
    items = parse("utmp", b"".join(records))
    assert [item.offset // size for item in items if not is_fault(item)] == [0, 5]
    assert [(item.offset, item.reason) for item in items if is_fault(item)] == [
        (2 * size, "no such type of record: 77"),
        (3 * size, "no such time: 1714982400 s and 1000000 us"),
        (4 * size, "names with bytes in them that are no text"),
        (6 * size, f"the last record is cut off: {size - 1} bytes of {size}"),
    ]


def test_zeros_and_partial_records_are_not_utmp() -> None:
    """A file of zeros and an incomplete record are not recognised as utmp."""
    assert parser("utmp").sniff(bytes(4096)) == 0
    assert parser("utmp").sniff(login("<" + NARROW)[:-1]) == 0


MICRO, NANO = 0xA1B2C3D4, 0xA1B23C4D
ETHERNET, RAW, LOOPBACK, COOKED = 1, 101, 0, 113
IPV4 = struct.pack(
    "!BBHHHBBH4s4sHH", 0x45, 0, 60, 0, 0, 64, 17, 0, bytes([192, 0, 2, 1]), bytes([198, 51, 100, 2]), 5353, 53
)
LINK = bytes(12)


def file_header(order: str = "<", magic: int = MICRO, link: int = RAW, major: int = 2) -> bytes:
    """Return the header of a pcap file."""
    return struct.pack(order + "IHHiIII", magic, major, 4, 0, 0, 65535, link)


def packet(data: bytes = IPV4, order: str = "<", fraction: int = 250_000, sent: int | None = None) -> bytes:
    """Return a packet with its header."""
    return struct.pack(order + "IIII", 1714982400, fraction, len(data), len(data) if sent is None else sent) + data


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize(("magic", "fraction"), [(MICRO, 250_000), (NANO, 250_000_999)])
def test_pcap_of_every_machine_is_read(order: str, magic: int, fraction: int) -> None:
    """The magic number gives the byte order, and whether times have microseconds or nanoseconds."""
    data = file_header(order, magic) + packet(order=order, fraction=fraction, sent=60)
    record = only(parse("pcap", data))
    assert (record.offset, record.time) == (24, utc(2024, 5, 6, 8, 0, 0, 250_000))
    assert record.message == "UDP 192.0.2.1:5353 > 198.51.100.2:53"
    assert record.fields == {
        "protocol": "UDP",
        "source": "192.0.2.1:5353",
        "target": "198.51.100.2:53",
        "captured": "24",
        "length": "60",
    }
    assert parser("pcap").sniff(data) == 1


IPV6 = bytes([0x60, 0, 0, 0, 0, 20, 6, 64]) + bytes(15) + b"\x01" + bytes(15) + b"\x02"
TCP = struct.pack("!HHIIBB", 5000, 443, 0, 0, 5 << 4, 0x12)


@pytest.mark.parametrize(
    ("link", "data", "message"),
    [
        (ETHERNET, LINK + b"\x08\x00" + IPV4, "UDP 192.0.2.1:5353 > 198.51.100.2:53"),
        (ETHERNET, LINK + b"\x81\x00\0\x07\x08\x00" + IPV4, "UDP 192.0.2.1:5353 > 198.51.100.2:53"),
        (ETHERNET, LINK + b"\x86\xdd" + IPV6 + TCP, "TCP SYN ACK [::1]:5000 > [::2]:443"),
        (ETHERNET, LINK + b"\x08\x06", "ARP"),
        (ETHERNET, LINK + b"\x99\x99", "EtherType 0x9999"),
        (ETHERNET, LINK[:5], "link header cut off"),
        (COOKED, bytes(14) + b"\x08\x00" + IPV4, "UDP 192.0.2.1:5353 > 198.51.100.2:53"),
        (LOOPBACK, b"\x02\0\0\0" + IPV4, "UDP 192.0.2.1:5353 > 198.51.100.2:53"),
        (RAW, IPV4[:20], "UDP 192.0.2.1 > 198.51.100.2"),
        (RAW, IPV4[:6] + b"\x00\x10" + IPV4[8:], "UDP 192.0.2.1 > 198.51.100.2"),
        (RAW, IPV4[:9] + b"\xfd" + IPV4[10:], "IP protocol 253 192.0.2.1 > 198.51.100.2"),
        (RAW, IPV6 + TCP[:6], "TCP [::1]:5000 > [::2]:443"),
        (RAW, IPV4[:19], "IP header cut off"),
        (RAW, b"", "IP header cut off"),
        (RAW, b"\x50" * 60, "IP version 5"),
        (147, IPV4, "link type 147"),
    ],
)
def test_pcap_describes_incomplete_packets(link: int, data: bytes, message: str) -> None:
    """A message has the protocol, addresses and ports that were captured; missing parts raise no exception."""
    assert only(parse("pcap", file_header(link=link) + packet(data))).message == message


@pytest.mark.parametrize(
    ("data", "offset", "reason"),
    [
        (packet() + packet()[:-1], 64, "the last packet is cut off: 23 bytes of 24"),
        (packet() + packet()[:15], 64, "the last header is cut off: 15 bytes of 16"),
        (packet() + packet(fraction=1_000_000), 64, "no such time: 1714982400 s and 1000000/1000000 s"),
        (packet() + packet(sent=10), 64, "24 bytes captured of a packet of 10"),
        (packet() + b"\xff" * 99, 64, "a packet of 4294967295 bytes cannot be; the rest is not read"),
    ],
)
def test_pcap_fault_has_offset_and_reason(data: bytes, offset: int, reason: str) -> None:
    """Packets before a fault are read, and the fault has the offset of its packet."""
    record, fault = parse("pcap", file_header() + data)
    assert record.offset == 24
    assert (fault.offset, fault.reason) == (offset, reason)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (file_header()[:10], "the header of the file is cut off: 10 bytes of 24"),
        (file_header(major=3), "version 3.4 of pcap is not known"),
        (bytes(24), "no magic number of pcap: 00000000"),
        (b"\x0a\x0d\x0d\x0a" + bytes(24), "pcapng, and not pcap; tcpdump -r FILE -w NEW converts it"),
    ],
)
def test_unknown_pcap_header_is_one_fault(data: bytes, reason: str) -> None:
    """A file with another header is not recognised, and reading it gives a single fault."""
    fault = only(parse("pcap", data))
    assert (fault.offset, fault.reason) == (0, reason)
    assert parser("pcap").sniff(data) == 0

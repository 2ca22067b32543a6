"""Captured packets: the classic format of libpcap (pcap-savefile(5)), which tcpdump writes.

The magic number gives the byte order, and whether times have microseconds or nanoseconds.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple

from logscan.contract import Fault, Record
from logscan.times import from_seconds

from logscan_binary._bytes import Bytes
from logscan_binary._packets import describe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from logscan.contract import Parser

_MAGICS: Final = {0xA1B2C3D4: 1_000_000, 0xA1B23C4D: 1_000_000_000}
"""Magic numbers, and how many units of time a second has."""

_NEXT_GENERATION: Final = b"\x0a\x0d\x0d\x0a"
_FILE_HEADER: Final = "IHHiIII"  # magic, version, zone, accuracy, longest packet, link type
_PACKET_HEADER: Final = "IIII"  # seconds, fraction, bytes captured, bytes sent
_FILE_HEADER_BYTES: Final = struct.calcsize("<" + _FILE_HEADER)
_LINK_TYPE_BITS: Final = 0x0FFFFFFF
_MAX_PACKET_BYTES: Final = 256 * 1024
"""What libpcap takes for a packet, whatever the header of the file says."""


class Pcap:
    """Headers of captured packets: pcap, of both byte orders and with micro- or nanoseconds.

    The message has protocol, source and destination, as far as they were captured. A packet that the end of
    the file cuts off is a fault at its offset. So is an impossible length, and it ends the reading, because
    the start of the next packet is then unknown.
    """

    name = "pcap"

    def sniff(self, head: bytes) -> float:
        """Return 1 for a magic number and a version that is known, else 0."""
        return float(not isinstance(_read_header(head[:_FILE_HEADER_BYTES]), str))

    def parse(self, stream: BinaryIO) -> Iterator[Record | Fault]:
        """Yield one record, or one fault, for every packet."""
        source = Bytes(stream)
        header = _read_header(source.read(_FILE_HEADER_BYTES))
        if isinstance(header, str):
            if source.offset:
                yield Fault(offset=0, reason=header)
            return
        packet_header = struct.Struct(header.order + _PACKET_HEADER)
        while True:
            offset = source.offset
            data = source.read(packet_header.size)
            if len(data) < packet_header.size:
                break
            seconds, fraction, captured, sent = packet_header.unpack(data)
            if captured > _MAX_PACKET_BYTES:
                yield Fault(offset=offset, reason=f"a packet of {captured} bytes cannot be; the rest is not read")
                return
            data = source.read(captured)
            if len(data) < captured:
                yield Fault(offset=offset, reason=f"the last packet is cut off: {len(data)} bytes of {captured}")
                return
            yield _read_packet(header, offset, (seconds, fraction), data, sent)
        if data:
            yield Fault(offset=offset, reason=f"the last header is cut off: {len(data)} bytes of {packet_header.size}")


class _Header(NamedTuple):
    """The properties of all packets, from the header of the file."""

    order: str
    per_second: int
    link_type: int


def _read_header(data: bytes) -> _Header | str:
    """Return the header, or what is wrong with it."""
    if data.startswith(_NEXT_GENERATION):
        return "pcapng, and not pcap; tcpdump -r FILE -w NEW converts it"
    if len(data) < _FILE_HEADER_BYTES:
        return f"the header of the file is cut off: {len(data)} bytes of {_FILE_HEADER_BYTES}"
    for order in "<>":
        magic, major, minor, _zone, _accuracy, _longest, link_type = struct.unpack(order + _FILE_HEADER, data)
        if magic in _MAGICS:
            if major != 2:
                return f"version {major}.{minor} of pcap is not known"
            return _Header(order, _MAGICS[magic], link_type & _LINK_TYPE_BITS)
    return f"no magic number of pcap: {data[:4].hex()}"


def _read_packet(header: _Header, offset: int, time: tuple[int, int], data: bytes, sent: int) -> Record | Fault:
    seconds, fraction = time
    if fraction >= header.per_second:
        return Fault(offset=offset, reason=f"no such time: {seconds} s and {fraction}/{header.per_second} s")
    if len(data) > sent:
        return Fault(offset=offset, reason=f"{len(data)} bytes captured of a packet of {sent}")
    message, fields = describe(header.link_type, data)
    return Record(
        offset=offset,
        time=from_seconds(seconds, nanoseconds=fraction * (1_000_000_000 // header.per_second)),
        level="info",
        message=message,
        fields={**fields, "captured": str(len(data)), "length": str(sent)},
    )


if TYPE_CHECKING:
    _keeps_contract: Parser = Pcap()

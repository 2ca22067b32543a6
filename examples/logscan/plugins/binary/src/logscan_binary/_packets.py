"""Describes a packet by its first bytes: link layer, network layer, and ports.

Packets are often captured only in part, so any header may be cut off; missing parts are not described.
"""

from __future__ import annotations

import ipaddress
import struct
from typing import Final

# Link types (https://www.tcpdump.org/linktypes.html): where the EtherType is, and how long the header is.
_ETHERNET: Final = 1
_WITH_ETHER_TYPE: Final = {_ETHERNET: (12, 14), 113: (14, 16), 276: (0, 20)}
_RAW_IP: Final = frozenset({12, 14, 101, 228, 229})
_LOOPBACK: Final = frozenset({0, 108})

_IPV4, _IPV6, _ARP = 0x0800, 0x86DD, 0x0806
_TAGS: Final = frozenset({0x8100, 0x88A8})
_NAMES: Final = {_ARP: "ARP", 0x8035: "RARP", 0x888E: "EAPOL", 0x88CC: "LLDP"}

_TCP, _UDP = 6, 17
_PROTOCOLS: Final = {1: "ICMP", 2: "IGMP", _TCP: "TCP", _UDP: "UDP", 47: "GRE", 50: "ESP", 58: "ICMPv6", 132: "SCTP"}
_WITH_PORTS: Final = frozenset({_TCP, _UDP, 132})
_FLAGS: Final = ((0x02, "SYN"), (0x01, "FIN"), (0x04, "RST"), (0x10, "ACK"))
_FRAGMENT_OFFSET: Final = 0x1FFF


def describe(link_type: int, data: bytes) -> tuple[str, dict[str, str]]:
    """Return a message and fields for a packet: protocol, source and destination."""
    if link_type in _RAW_IP:
        return _describe_ip(data)
    if link_type in _LOOPBACK:
        return _describe_ip(data[4:])
    if link_type not in _WITH_ETHER_TYPE:
        return f"link type {link_type}", {}
    at, size = _WITH_ETHER_TYPE[link_type]
    ether_type = _number(data, at)
    while ether_type in _TAGS and link_type == _ETHERNET:  # IEEE 802.1Q: four bytes more
        at, size = at + 4, size + 4
        ether_type = _number(data, at)
    if ether_type is None:
        return "link header cut off", {}
    if ether_type in {_IPV4, _IPV6}:
        return _describe_ip(data[size:])
    return _NAMES.get(ether_type, f"EtherType 0x{ether_type:04x}"), {}


def _describe_ip(data: bytes) -> tuple[str, dict[str, str]]:
    version = data[0] >> 4 if data else 0
    if version == 4 and len(data) >= 20:
        is_first = not struct.unpack_from("!H", data, 6)[0] & _FRAGMENT_OFFSET
        payload = data[max(4 * (data[0] & 0x0F), 20) :] if is_first else b""
        return _describe_transport(data[9], data[12:16], data[16:20], payload)
    if version == 6 and len(data) >= 40:
        return _describe_transport(data[6], data[8:24], data[24:40], data[40:])
    return "IP header cut off" if version in {0, 4, 6} else f"IP version {version}", {}


def _describe_transport(protocol: int, source: bytes, target: bytes, payload: bytes) -> tuple[str, dict[str, str]]:
    name = _PROTOCOLS.get(protocol, f"IP protocol {protocol}")
    has_ports = protocol in _WITH_PORTS and len(payload) >= 4
    ports: tuple[int, ...] = struct.unpack_from("!HH", payload) if has_ports else ()
    what = name
    if protocol == _TCP and len(payload) >= 14:
        what = " ".join((name, *(flag for bit, flag in _FLAGS if payload[13] & bit)))
    ends = [_end(address, port) for address, port in zip((source, target), ports or (None, None), strict=True)]
    return f"{what} {ends[0]} > {ends[1]}", {"protocol": name, "source": ends[0], "target": ends[1]}


def _end(address: bytes, port: int | None) -> str:
    text = str(ipaddress.ip_address(address))
    if port is None:
        return text
    return f"[{text}]:{port}" if len(address) == 16 else f"{text}:{port}"


def _number(data: bytes, at: int) -> int | None:
    """Return the two bytes at a place as a number, if they were captured."""
    return int.from_bytes(data[at : at + 2], "big") if len(data) >= at + 2 else None

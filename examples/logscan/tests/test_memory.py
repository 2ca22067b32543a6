"""Memory does not grow with the file."""

from __future__ import annotations

import importlib
import io
import itertools
import struct
import sys
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest

from .example import SAMPLES, host, parser, word

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .command import Logscan


class Endless(io.RawIOBase):
    """A stream over chunks that are made while it is read."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = b""

    def readable(self) -> bool:
        """Say yes."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Give the next bytes, as many as are at hand."""
        self._rest = self._rest or next(self._chunks, b"")
        data, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(data)] = data
        return len(data)


def peak_memory(name: str, chunks: Iterator[bytes]) -> tuple[Any, int]:
    """Report on a stream; return the report and how many bytes that took at most."""
    summarise = host("report").summarise
    tracemalloc.start()
    try:
        items = parser(name).parse(io.BufferedReader(Endless(chunks)))
        report = summarise(items, file="-", format_name=name, top=10)
        return report, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_file() -> None:
    """15000 lines, no two of them similar and every tenth bad, are reported in less than 4 MB."""
    lines = (
        b"a bad line\n" if number % 10 == 0 else b'{"level": "info", "msg": "%s"}\n' % word(number).encode()
        for number in range(15_000)
    )
    report, peak = peak_memory("jsonl", lines)
    assert (report.records, report.fault_count, len(report.faults)) == (13_500, 1_500, 20)
    assert report.undercount > 0
    assert peak < 4_000_000


@pytest.mark.parametrize("name", ["combined", "csv", "jsonl", "syslog"])
def test_memory_does_not_grow_with_a_line(name: str) -> None:
    """A file without line ends is one fault, and takes a few times the memory of the longest line allowed."""
    report, peak = peak_memory(name, itertools.repeat(b"x" * 100_000, 200))
    assert (report.records, report.fault_count) == (0, 1)
    assert report.faults[0].reason == "longer than 1024 KiB"
    assert peak < 8_000_000


EVENT = b'<Event timeMillis="1714982400000" level="INFO">'


@pytest.mark.parametrize(
    ("start", "repeated", "reason"),
    [
        (EVENT + b"<Message>", b"x" * 100_000, "longer than 1024 KiB"),
        (EVENT, b"<a/>" * 25_000, "longer than 1024 KiB"),
        (EVENT + b'<Message a="', b"x" * 100_000, "longer than 1024 KiB"),
        (b"<Events>", b"<a>" * 30_000, "elements nested more than 100 deep"),
        (b"<Events><!--", b"x" * 100_000, "longer than 1024 KiB"),
        (b"", b"x" * 100_000, "text outside of an event"),
    ],
    ids=["text", "elements", "attribute", "depth", "comment", "no XML"],
)
def test_memory_does_not_grow_with_an_event(start: bytes, repeated: bytes, reason: str) -> None:
    """XML of which nothing ever ends is one fault, and takes a few times the memory of the longest event allowed."""
    report, peak = peak_memory("xml", itertools.chain([start], itertools.repeat(repeated, 60)))
    assert (report.records, report.fault_count) == (0, 1)
    assert report.faults[0].reason == reason
    assert peak < 12_000_000


def test_an_entity_bomb_is_not_lit() -> None:
    """A document type with entities in entities is refused in little memory, and the events after it are read."""
    entities = b"".join(b'<!ENTITY b%d "%s">' % (n, b"&b%d;" % (n - 1) * 10) for n in range(1, 30))
    bomb = b'<?xml version="1.0"?>\n<!DOCTYPE b [<!ENTITY b0 "boom">%s]>\n<Events>' % entities
    lit = EVENT + b"<Message>&b29;</Message></Event>"
    fine = EVENT + b"<Message>fine</Message></Event>"
    report, peak = peak_memory("xml", iter([bomb, lit, fine]))
    assert (report.records, report.top_messages[0].message) == (1, "fine")
    assert report.faults[0].reason.startswith("a document type is refused")
    assert report.faults[1].reason.startswith("undefined entity")
    assert peak < 4_000_000


def test_a_quote_that_is_never_closed_takes_bounded_memory() -> None:
    """The rows after a quote that is never closed are all read, and not held in memory."""
    rows = itertools.chain([b'time,message\n2024-05-06,"open\n'], itertools.repeat(b"2024-05-06 08:00,hello\n", 8_000))
    report, peak = peak_memory("csv", rows)
    assert (report.records, report.fault_count) == (8_000, 1)
    assert report.faults[0].line == 2
    assert peak < 4_000_000


def test_memory_does_not_grow_with_names() -> None:
    """Elements and attributes of ever new names do not fill the memory: the parser is renewed in time."""
    events = (EVENT + b"<M%d n%d='' /></Event>" % (number, number) for number in range(5_000))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(importlib.import_module("logscan_xml._events"), "_RENEW_AFTER", 50_000)
        report, peak = peak_memory("xml", itertools.chain([b"<Events>"], events, [b"</Events>"]))
    assert (report.records, report.fault_count) == (5_000, 0)
    assert peak < 3_000_000


def test_memory_does_not_grow_with_packets() -> None:
    """Binary records are read one at a time, and a length that cannot be takes no memory."""
    header = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    packets = (struct.pack("<IIII", 1714982400 + number, 0, 60, 60) + bytes(60) for number in range(5_000))
    end = struct.pack("<IIII", 1714982400, 0, 2**32 - 1, 2**32 - 1)
    report, peak = peak_memory("pcap", itertools.chain([header], packets, [end]))
    assert (report.records, report.fault_count) == (5_000, 1)
    assert report.faults[0].offset == 24 + 5_000 * 76
    assert peak < 4_000_000


@pytest.mark.network
@pytest.mark.skipif(sys.platform == "win32", reason="needs getrusage")
@pytest.mark.parametrize(("file", "sizes"), [("wtmp", (5, 50)), ("access.log", (2, 15))])
def test_peak_memory_of_the_command_is_that_of_a_small_file(
    logscan: Logscan, tmp_path: Path, file: str, sizes: tuple[int, int]
) -> None:
    """The process that scans 50 MB has no larger peak than the one that scans 5 MB, but for a few MB of chance."""
    sample = (SAMPLES / file).read_bytes()
    if file == "wtmp":
        sample = sample[: 384 * (len(sample) // 384)]
    peaks = [logscan.peak_memory("scan", repeat(sample, tmp_path / str(size), size)) for size in sizes]
    assert peaks[1] < peaks[0] + 4_000_000


def repeat(sample: bytes, file: Path, megabytes: int) -> Path:
    """Write a sample as often as it takes for a file of that size."""
    with file.open("wb") as stream:
        for _ in range(megabytes * 1_000_000 // len(sample) + 1):
            stream.write(sample)
    return file

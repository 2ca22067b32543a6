"""The memory for a scan does not depend on the size of the file."""

from __future__ import annotations

import gc
import io
import itertools
import struct
import sys
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest
from logscan.report import Report, summarise

from .example import SAMPLES, parser, word

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .command import Logscan


class Endless(io.RawIOBase):
    """A stream of chunks that are made while it is read."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = b""

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Read the rest of the current chunk, or the next one, as far as it fits."""
        self._rest = self._rest or next(self._chunks, b"")
        data, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(data)] = data
        return len(data)


def peak_memory(name: str, chunks: Iterator[bytes]) -> tuple[Report, int]:
    """Scan a stream; return its report and the peak of the memory for it in bytes."""
    tracemalloc.start()
    try:
        items = parser(name).parse(io.BufferedReader(Endless(chunks)))
        report = summarise(items, file="-", format_name=name, top=10)
        return report, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_file() -> None:
    """5000 lines, every tenth bad and no two of the others similar, are scanned in less than 1.7 MB."""
    lines = (
        b"a bad line\n" if number % 10 == 0 else b'{"level": "info", "msg": "%s"}\n' % word(number).encode()
        for number in range(5_000)
    )
    report, peak = peak_memory("jsonl", lines)
    assert (report.records, report.fault_count, len(report.faults)) == (4_500, 500, 20)
    assert report.undercount > 0
    assert peak < 1_700_000


@pytest.mark.parametrize("name", ["combined", "csv", "jsonl", "syslog"])
def test_memory_does_not_grow_with_a_line(name: str) -> None:
    """A file without line ends is one fault, and needs a few times the memory of the longest line allowed."""
    report, peak = peak_memory(name, itertools.repeat(b"x" * 100_000, 200))
    assert (report.records, report.fault_count) == (0, 1)
    assert report.faults[0].reason == "longer than 1024 KiB"
    assert peak < 8_000_000


EVENT = b'<Event timeMillis="1714982400000" level="INFO">'


@pytest.mark.parametrize(
    ("start", "repeated", "reason", "limit"),
    [
        (EVENT + b"<Message>", b"x" * 100_000, "longer than 1024 KiB", 12_000_000),
        (EVENT, b"<a/>" * 8_000, "longer than 1024 KiB", 5_000_000),
        (EVENT + b'<Message a="', b"x" * 100_000, "longer than 1024 KiB", 12_000_000),
        (b"<Events>", b"<a>" * 12_000, "elements nested more than 100 deep", 5_000_000),
        (b"<Events><!--", b"x" * 100_000, "longer than 1024 KiB", 12_000_000),
        (b"", b"x" * 100_000, "text outside of an event", 12_000_000),
    ],
    ids=["text", "elements", "attribute", "depth", "comment", "no XML"],
)
def test_memory_does_not_grow_with_an_event(start: bytes, repeated: bytes, reason: str, limit: int) -> None:
    """XML that never ends is one fault, and needs a few times the memory of the longest event allowed."""
    report, peak = peak_memory("xml", itertools.chain([start], itertools.repeat(repeated, 60)))
    assert (report.records, report.fault_count) == (0, 1)
    assert report.faults[0].reason == reason
    assert peak < limit


def test_entity_bomb_is_rejected() -> None:
    """A document type with nested entities is rejected in little memory, and the events after it are read."""
    entities = b"".join(b'<!ENTITY b%d "%s">' % (n, b"&b%d;" % (n - 1) * 10) for n in range(1, 30))
    bomb = b'<?xml version="1.0"?>\n<!DOCTYPE b [<!ENTITY b0 "boom">%s]>\n<Events>' % entities
    using = EVENT + b"<Message>&b29;</Message></Event>"
    fine = EVENT + b"<Message>fine</Message></Event>"
    report, peak = peak_memory("xml", iter([bomb, using, fine]))
    assert (report.records, report.top_messages[0].message) == (1, "fine")
    assert report.faults[0].reason.startswith("a document type is refused")
    assert report.faults[1].reason.startswith("undefined entity")
    assert peak < 4_000_000


def test_memory_is_bounded_if_a_quote_is_never_closed() -> None:
    """All rows after a quote that is never closed are read, and they are not kept in memory."""
    row = b"2024-05-06 08:00,%s\n" % (b"hello " * 8)
    rows = itertools.chain([b'time,message\n2024-05-06,"open\n'], itertools.repeat(row, 3_000))
    report, peak = peak_memory("csv", rows)
    assert (report.records, report.fault_count) == (3_000, 1)
    assert report.faults[0].line == 2
    assert peak < 1_800_000


def test_memory_does_not_grow_with_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """If all elements have different names, old names are forgotten, because the XML parser is replaced in time."""
    monkeypatch.setattr("logscan_xml._events._RENEW_AFTER", 200_000)
    report, peak = peak_memory("xml", itertools.chain([b"<Events>"], events_with_long_names(1_000), [b"</Events>"]))
    assert (report.records, report.fault_count) == (1_000, 0)
    assert peak < 3_000_000


def events_with_long_names(count: int) -> Iterator[bytes]:
    """Yield events, each with an element whose name has 4 kB and no other element has."""
    for number in range(count):
        if number % 250 == 0:
            gc.collect()  # parsers that have been replaced are reference cycles
        yield EVENT + b"<%s%d/></Event>" % (b"M" * 4_000, number)


def test_memory_does_not_grow_with_packets() -> None:
    """Packets are read one at a time, and no memory is allocated for an impossible length."""
    header = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    packets = (struct.pack("<IIII", 1714982400 + number, 0, 60, 60) + bytes(60) for number in range(5_000))
    end = struct.pack("<IIII", 1714982400, 0, 2**32 - 1, 2**32 - 1)
    report, peak = peak_memory("pcap", itertools.chain([header], packets, [end]))
    assert (report.records, report.fault_count) == (5_000, 1)
    assert report.faults[0].offset == 24 + 5_000 * 76
    assert peak < 4_000_000


@pytest.mark.network
@pytest.mark.skipif(sys.platform == "win32", reason="needs getrusage")
@pytest.mark.parametrize(("file", "sizes"), [("wtmp", (2, 26)), ("access.log", (1, 8))])
def test_peak_memory_of_the_command_does_not_grow_with_the_file(
    logscan: Logscan, tmp_path: Path, file: str, sizes: tuple[int, int]
) -> None:
    """The command needs no more memory for a large file than for a small one, within 2 MB."""
    sample = (SAMPLES / file).read_bytes()
    if file == "wtmp":
        sample = sample[: 384 * (len(sample) // 384)]
    small, large = (logscan.peak_memory("scan", repeat(sample, tmp_path / str(size), size)) for size in sizes)
    assert large < small + 2_000_000


def repeat(sample: bytes, file: Path, megabytes: int) -> Path:
    """Write a sample repeatedly until the file has the given size; return the file."""
    with file.open("wb") as stream:
        for _ in range(megabytes * 1_000_000 // len(sample) + 1):
            stream.write(sample)
    return file

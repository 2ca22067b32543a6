"""The flagship example: its parsers as a library, and the command `logscan` as an installed program.

The first half imports the sources of host and plugins. The second installs the four projects, as wheels, into
an environment of their own and runs the command as a user does.
"""

from __future__ import annotations

import errno
import gzip
import importlib
import importlib.util
import io
import itertools
import json
import os
import subprocess
import sys
import tomllib
import tracemalloc
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import pytest
from filelock import FileLock
from hypothesis import given, settings
from hypothesis import strategies as st
from uv import find_uv_bin

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import ModuleType

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "logscan"
SAMPLES = EXAMPLE / "samples"
PROJECTS = {
    "logscan": EXAMPLE / "host",
    "logscan-jsonl": EXAMPLE / "plugins" / "jsonl",
    "logscan-text": EXAMPLE / "plugins" / "text",
    "logscan-csv": EXAMPLE / "plugins" / "csv",
}
PARSERS = {
    "combined": ("logscan_text.combined", "Combined"),
    "csv": ("logscan_csv", "Csv"),
    "jsonl": ("logscan_jsonl", "JsonLines"),
    "syslog": ("logscan_text.syslog", "Syslog"),
}
FORMAT_OF = {"app.jsonl": "jsonl", "auth.syslog": "syslog", "access.log": "combined", "orders.csv": "csv"}
SAMPLE_SEED, SAMPLE_LINES = 1, 150

every_format = pytest.mark.parametrize("name", sorted(PARSERS))
every_sample = pytest.mark.parametrize("file", sorted(FORMAT_OF))


@pytest.fixture(scope="module", autouse=True)
def sources() -> Iterator[None]:
    """Make the sources importable, for the tests of this module only."""
    with pytest.MonkeyPatch.context() as patch:
        for project in PROJECTS.values():
            patch.syspath_prepend(project / "src")
        yield
    for name in [name for name in sys.modules if name.partition(".")[0].startswith("logscan")]:
        del sys.modules[name]


def parser(name: str) -> Any:
    """Make the parser of a format, as the host does."""
    module, attribute = PARSERS[name]
    return getattr(importlib.import_module(module), attribute)()


def parse(name: str, text: str | bytes) -> list[Any]:
    """Parse all of `text` with the parser of a format."""
    data = text.encode() if isinstance(text, str) else text
    return list(parser(name).parse(io.BytesIO(data)))


def only(items: list[Any]) -> Any:
    """Return the one item."""
    (item,) = items
    return item


def host(module: str) -> ModuleType:
    """Import a module of the host."""
    return importlib.import_module(f"logscan.{module}")


def utc(*parts: int) -> datetime:
    """Return a time in UTC."""
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]  # as many numbers as the case has


def load_generator() -> ModuleType:
    """Import generate.py, which is a script in no package."""
    name = "logscan_samples_generate"
    spec = importlib.util.spec_from_file_location(name, SAMPLES / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# --- the samples ------------------------------------------------------------------------------------


def test_generator_is_deterministic(tmp_path: Path) -> None:
    """The same seed gives the same bytes, and another seed gives others."""
    generate = load_generator().generate
    for directory, seed in (("a", 7), ("b", 7), ("c", 8)):
        generate(tmp_path / directory, seed=seed, lines=120)
    for file in FORMAT_OF:
        first, same, other = ((tmp_path / directory / file).read_bytes() for directory in "abc")
        assert first == same
        assert first != other


def test_committed_samples_are_generated(tmp_path: Path) -> None:
    """The samples in the repository are what generate.py writes."""
    load_generator().generate(tmp_path, seed=SAMPLE_SEED, lines=SAMPLE_LINES)
    for file in FORMAT_OF:
        assert (SAMPLES / file).read_bytes() == (tmp_path / file).read_bytes()


def test_counts_are_those_planted(tmp_path: Path) -> None:
    """Every record and every malformed line that the generator planted is found, under its level and its number."""
    for written in load_generator().generate(tmp_path, seed=3, lines=2000):
        assert written.lines == 2000
        assert written.bad_lines == tuple(range(50, 2001, 50))
        items = parse(FORMAT_OF[written.file.name], written.file.read_bytes())
        bad_line = host("contract").BadLine
        assert tuple(item.line for item in items if isinstance(item, bad_line)) == written.bad_lines
        assert Counter(item.level for item in items if not isinstance(item, bad_line)) == written.levels


@every_sample
def test_sniffing_picks_the_right_format(file: str) -> None:
    """For every sample its own parser is the surest, and the only one that is more than half sure."""
    head = (SAMPLES / file).read_bytes()[: 64 * 1024]
    scores = {name: parser(name).sniff(head) for name in PARSERS}
    assert [name for name, score in scores.items() if score >= 0.5] == [FORMAT_OF[file]]


@every_sample
def test_sniffing_copes_with_a_head_cut_anywhere(file: str) -> None:
    """A head that ends in the middle of a line, or of a character, is recognised like a whole one."""
    data = (SAMPLES / file).read_bytes()
    for size in range(4000, 4040):
        assert parser(FORMAT_OF[file]).sniff(data[:size]) >= 0.5


@every_format
def test_parsers_keep_the_contract(name: str) -> None:
    """Every parser satisfies the host's Protocol and has the name of its entry point."""
    assert isinstance(parser(name), host("contract").Parser)
    assert parser(name).name == name


@every_format
def test_one_parser_serves_many_files(name: str) -> None:
    """A parser that reads two files at once reads each as if it were alone."""
    file = next(file for file, format_name in FORMAT_OF.items() if format_name == name)
    data, shared = (SAMPLES / file).read_bytes(), parser(name)
    both = zip(shared.parse(io.BytesIO(data)), shared.parse(io.BytesIO(data)), strict=True)
    assert all(first == second for first, second in both)


def test_manifest_names_the_projects() -> None:
    """The root manifest bundles this host with these plugins."""
    manifest = tomllib.loads((ROOT / "bundle.toml").read_text(encoding="utf-8"))
    paths = {"logscan": manifest["host"]["path"]}
    paths |= {name: plugin["path"] for name, plugin in manifest["plugins"].items()}
    assert {name: ROOT / path for name, path in paths.items()} == PROJECTS


# --- bad data ---------------------------------------------------------------------------------------


def check_items(items: list[Any], data: bytes) -> None:
    """Check what holds for all items of all parsers: their kind, and lines that exist and do not go backwards."""
    contract = host("contract")
    assert all(isinstance(item, contract.Record | contract.BadLine) for item in items)
    lines = [item.line for item in items]
    assert lines == sorted(lines)
    assert all(1 <= line <= data.count(b"\n") + 1 for line in lines)


@every_format
@settings(deadline=None, max_examples=60)
@given(data=st.binary(max_size=400))
def test_arbitrary_bytes_never_raise(name: str, data: bytes) -> None:
    """No bytes whatever make a parser raise, and a sniff is a number from 0 to 1."""
    check_items(parse(name, data), data)
    assert 0 <= parser(name).sniff(data) <= 1


def mutilated(lines: list[bytes]) -> st.SearchStrategy[bytes]:
    """Return logs of `lines`, each cut somewhere and joined with what damages logs."""
    noise = st.sampled_from([b"", b"\n", b"\r\n", b'"', b"\\", b"\0", b"\xff", b"\xef\xbb\xbf", b"[", b"{", b",", b"]"])
    piece = st.tuples(st.sampled_from(lines), st.integers(0, 200), noise).map(lambda each: each[0][: each[1]] + each[2])
    return st.lists(piece, max_size=8).map(b"\n".join)


@every_sample
@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_mutilated_logs_never_raise(file: str, data: st.DataObject) -> None:
    """Lines of a real log that are cut and mixed with noise do not make any parser raise."""
    log = data.draw(mutilated((SAMPLES / file).read_bytes().splitlines()[:20]))
    check_items(parse(FORMAT_OF[file], log), log)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"msg": "cut of', "not JSON at column 9: Unterminated string"),
        (b"Traceback", "not JSON at column 1: Expecting value"),
        (b"[1]", "not a JSON object but an array"),
        (b"null", "not a JSON object but null"),
        (b'{"msg": "\xe9"}', "not UTF-8: byte 0xe9 at position 10"),
        (b'{"a":' * 200_000, "JSON nested too deeply"),
        (b'{"a": 1' + b"0" * 2_000_000 + b"}", "longer than 1024 KiB"),
    ],
)
def test_jsonl_says_what_is_wrong(line: bytes, reason: str) -> None:
    """A bad line of JSON is reported with its number and what is wrong with it."""
    bad = only(parse("jsonl", b"\n" + line))
    assert (bad.line, bad.reason) == (2, reason)


# --- memory -----------------------------------------------------------------------------------------


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


def word(number: int) -> str:
    """Return a word without digits, another one for every number."""
    return "".join("ghijklmnop"[int(digit)] for digit in str(number))


def test_memory_does_not_grow_with_the_file() -> None:
    """100000 lines, no two of them similar and every tenth bad, are reported in less than 4 MB."""
    lines = (
        b"a bad line\n" if number % 10 == 0 else b'{"level": "info", "msg": "%s"}\n' % word(number).encode()
        for number in range(100_000)
    )
    report, peak = peak_memory("jsonl", lines)
    assert (report.records, report.bad_line_count, len(report.bad_lines)) == (90_000, 10_000, 20)
    assert report.undercount > 0
    assert peak < 4_000_000


@every_format
def test_memory_does_not_grow_with_a_line(name: str) -> None:
    """A file without line ends is one bad line, and takes a few times the memory of the longest line allowed."""
    report, peak = peak_memory(name, itertools.repeat(b"x" * 100_000, 200))
    assert (report.records, report.bad_line_count) == (0, 1)
    assert report.bad_lines[0].reason == "longer than 1024 KiB"
    assert peak < 8_000_000


def test_a_quote_that_is_never_closed_takes_bounded_memory() -> None:
    """The rows after a quote that is never closed are all read, and not held in memory."""
    rows = itertools.chain([b'time,message\n2024-05-06,"open\n'], itertools.repeat(b"2024-05-06 08:00,hello\n", 20_000))
    report, peak = peak_memory("csv", rows)
    assert (report.records, report.bad_line_count) == (20_000, 1)
    assert report.bad_lines[0].line == 2
    assert peak < 4_000_000


# --- times, levels, messages ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        "2024-05-06T08:09:10Z",
        "2024-05-06t08:09:10.000z",
        "2024-05-06 10:09:10+02:00",
        "2024-05-06 03:39:10,000000000 -0430",
        "2024-05-06T08:09:10",
        1714982950,
        1714982950.0,
        1714982950000,
        1714982950000000,
        1714982950000000000,
        "1714982950",
        "1714982950.000",
    ],
)
def test_times_are_read_in_many_notations(value: object) -> None:
    """RFC 3339, its relatives, and numbers in four units all mean the same moment in UTC."""
    assert host("times").parse_time(value) == utc(2024, 5, 6, 8, 9, 10)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "yesterday",
        "2024",
        "2023-02-29T00:00:00Z",
        "2024-05-06T24:00:00Z",
        "0001-01-01T00:00:00+01:00",
        True,
        None,
        float("nan"),
        float("inf"),
        10**400,
        [],
    ],
)
def test_what_is_no_time_is_none(value: object) -> None:
    """Whatever is no time is None; nothing raises."""
    assert host("times").parse_time(value) is None


def test_leap_second_is_read() -> None:
    """The second 60 that RFC 3339 allows counts as the last second of its minute."""
    assert host("times").parse_time("2016-12-31T23:59:60Z") == utc(2016, 12, 31, 23, 59, 59)


@pytest.mark.parametrize(
    ("value", "level"),
    [
        ("WARN", "warning"),
        (" Error ", "error"),
        ("fatal", "critical"),
        ("notice", "info"),
        ("trace", "debug"),
        (10, "debug"),
        (30, "info"),
        (45, "warning"),
        ("50", "error"),
        (60, "critical"),
        (0, "critical"),
        (3, "error"),
        ("7", "debug"),
        (8, "unknown"),
        (True, "unknown"),
        ("audit", "unknown"),
        (None, "unknown"),
    ],
)
def test_levels_are_normalised(value: object, level: str) -> None:
    """Names, syslog's severities and the numbers of bunyan and pino become one of six levels."""
    assert host("levels").parse_level(value) == level


@pytest.mark.parametrize(
    ("message", "template"),
    [
        ("took 35 ms, 1.5 kB", "took <n> ms, <n> kB"),
        ('user \'ann\' said "it\'s \\"me\\""', "user <text> said <text>"),
        ("it's Ann's and Bob's", "it's Ann's and Bob's"),
        ("from 10.0.0.7:5122 and 2001:db8::1", "from <ip> and <ip>"),
        ("id 658a28cb-3ec6-6f77-5e4a-e07534e4250f", "id <uuid>"),
        ("at 0xDEADBEEF, 22157ff8942546e3, 2215700894254603, 00:1a:2b:3c:4d:5e", "at <hex>, <hex>, <hex>, <hex>"),
        ("since 2024-05-06T08:09:10.5Z, 08:09:10", "since <time>, <time>"),
        ("  white \t space\n", "white space"),
        ("GET /items/17 404", "GET /items/<n> 404"),
    ],
)
def test_similar_messages_share_a_template(message: str, template: str) -> None:
    """The details that tell similar messages apart are replaced."""
    assert host("grouping").template(message) == template


@settings(deadline=None)
@given(items=st.lists(st.sampled_from("abcdefghij")), capacity=st.integers(1, 12))
def test_frequent_items_are_within_their_bounds(items: list[str], capacity: int) -> None:
    """No count is too high, none is too low by more than it says, and memory is bounded."""
    counter = host("grouping").FrequentItems(capacity)
    for item in items:
        counter.add(item)
    counts = dict(counter.most_common(len(items)))
    assert len(counts) <= capacity
    assert counter.undercount <= len(items) / capacity
    for item, exact in Counter(items).items():
        assert exact - counter.undercount <= counts.get(item, 0) <= exact


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"level": "loud"}, "'loud' is not one of the levels"),
        ({"time": datetime(2024, 5, 6)}, "has no time zone"),  # noqa: DTZ001  # a time without a zone is the case
    ],
)
def test_records_refuse_what_cannot_be_counted(values: Mapping[str, Any], message: str) -> None:
    """A parser learns at once that a level is unheard of or that a time is ambiguous."""
    valid = {"line": 1, "time": None, "level": "info", "message": ""}
    with pytest.raises(ValueError, match=message):
        host("contract").Record(**{**valid, **values})


# --- the formats ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "entry",
    [
        {"time": "2024-05-06T08:00:00Z", "level": "error", "msg": "no"},
        {"timestamp": 1714982400, "severity": "ERROR", "message": "no"},
        {"ts": 1714982400.0, "lvl": "err", "event": "no"},
        {"@timestamp": "2024-05-06T10:00:00+02:00", "levelname": "ERROR", "message": "no"},
        {"time": 1714982400000, "level": 50, "msg": "no"},
        {"Timestamp": "2024-05-06 08:00:00", "Level": "Error", "Message": "no"},
    ],
)
def test_jsonl_knows_the_usual_names(entry: Mapping[str, object]) -> None:
    """Time, level and message are found under the names that loggers give them."""
    record = only(parse("jsonl", json.dumps({**entry, "user": "ann"})))
    assert (record.time, record.level, record.message) == (utc(2024, 5, 6, 8), "error", "no")
    assert record.fields == {"user": "ann"}


def test_jsonl_loses_nothing() -> None:
    """What is not understood as a time or level, and what is no text, is kept in the fields."""
    record = only(parse("jsonl", '{"time": "soon", "level": "loud", "n": 1.5, "list": [1, "ä"], "none": null}'))
    assert (record.time, record.level, record.message) == (None, "unknown", "")
    assert record.fields == {"time": "soon", "level": "loud", "n": "1.5", "list": '[1,"ä"]', "none": ""}


def test_lines_may_end_like_on_windows() -> None:
    """CR LF, blank lines and a byte order mark are no part of a line, and lines are counted as an editor does."""
    items = parse("jsonl", b'\xef\xbb\xbf{"msg": "a"}\r\n\r\n{"msg": "b"}')
    assert [(item.line, item.message) for item in items] == [(1, "a"), (3, "b")]


def test_syslog_of_rfc_3164() -> None:
    """The old format gives host, program and process, and a level if there is a priority."""
    with_priority, without = parse(
        "syslog",
        "<34>Oct 11 22:14:15 mymachine su: 'su root' failed for lonvick on /dev/pts/8\n"
        "Oct  1 22:14:15 mymachine sshd[411]: ok\n",
    )
    assert (with_priority.level, with_priority.message) == ("critical", "'su root' failed for lonvick on /dev/pts/8")
    assert (with_priority.time.month, with_priority.time.day) == (10, 11)
    assert (without.level, without.message) == ("unknown", "ok")
    assert without.fields == {"host": "mymachine", "app": "sshd", "process": "411"}


def test_syslog_of_rfc_5424() -> None:
    """The new format gives its time, its structured data without escapes, and its message without the mark."""
    line = (
        '<165>1 2003-10-11T22:14:15.003-07:00 host.example evntslog - ID47 [ex@32473 q="a \\"b\\" \\]" i="3"][ex2@1]'
        " \N{BYTE ORDER MARK}An event"
    )
    record = only(parse("syslog", line))
    assert (record.time, record.level) == (utc(2003, 10, 12, 5, 14, 15, 3000), "info")
    assert record.message == "An event"
    assert record.fields == {
        "host": "host.example",
        "app": "evntslog",
        "kind": "ID47",
        "ex@32473.q": 'a "b" ]',
        "ex@32473.i": "3",
    }


def test_syslog_with_a_full_time_in_a_file() -> None:
    """The lines that today's daemons write into files, with a full time and no priority, are read."""
    record = only(parse("syslog", "2024-05-06T10:00:00.250000+02:00 gate1 CRON[7]: (root) CMD (true)"))
    assert (record.time, record.message) == (utc(2024, 5, 6, 8, 0, 0, 250_000), "(root) CMD (true)")


@pytest.mark.parametrize(
    ("now", "line", "time"),
    [
        (utc(2025, 1, 3), "Dec 31 23:59:59 h a: m", utc(2024, 12, 31, 23, 59, 59)),
        (utc(2025, 1, 3), "Jan  3 12:00:00 h a: m", utc(2025, 1, 3, 12)),
        (utc(2025, 1, 3), "Jan  4 12:00:00 h a: m", utc(2024, 1, 4, 12)),
        (utc(2024, 12, 31, 12), "Jan  1 06:00:00 h a: m", utc(2025, 1, 1, 6)),
        (utc(2027, 6, 1), "Feb 29 00:00:00 h a: m", utc(2024, 2, 29)),
    ],
)
def test_syslog_infers_the_year(now: datetime, line: str, time: datetime) -> None:
    """A time without a year is in the latest year that puts it no more than a day ahead of now."""
    syslog = importlib.import_module("logscan_text.syslog").Syslog(now=lambda: now)
    assert only(list(syslog.parse(io.BytesIO(line.encode())))).time == time


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("<192>Oct 11 22:14:15 h a: m", "priority 192 is more than 191"),
        ("Feb 30 22:14:15 h a: m", "no such time: Feb 30 22:14:15"),
        ("<1>1 2024-13-01T00:00:00Z h a - - - m", "no such time: 2024-13-01T00:00:00Z"),
        ("-- MARK --", "neither RFC 3164 nor RFC 5424"),
    ],
)
def test_syslog_says_what_is_wrong(line: str, reason: str) -> None:
    """A bad line of syslog is reported with what is wrong with it."""
    assert only(parse("syslog", line)).reason == reason


@pytest.mark.parametrize(
    ("request_line", "status", "message", "level"),
    [
        ("GET /a/b?q=1&r=2 HTTP/1.1", 200, "GET /a/b 200", "info"),
        ("POST /form HTTP/2.0", 302, "POST /form 302", "info"),
        ("GET / HTTP/1.0", 404, "GET / 404", "warning"),
        ("GET /x HTTP/1.1", 503, "GET /x 503", "error"),
        (r"\x16\x03\x01 \"?", 400, r"\x16\x03\x01 \"? 400", "warning"),
        ("-", 408, "- 408", "warning"),
    ],
)
def test_combined_makes_messages_of_requests(request_line: str, status: int, message: str, level: str) -> None:
    """The message is the method, the path without its query and the status; the status gives the level."""
    line = f'2001:db8::1 - - [06/May/2024:10:00:00 +0200] "{request_line}" {status} 17 "-" "a \\"b\\""'
    record = only(parse("combined", line))
    assert (record.message, record.level, record.time) == (message, level, utc(2024, 5, 6, 8))


def test_combined_reads_the_common_format() -> None:
    """Lines without referer and agent are read, and what the server left out is no field."""
    record = only(parse("combined", '127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /a.gif HTTP/1.0" 304 -'))
    assert record.fields == {
        "remote": "127.0.0.1",
        "user": "frank",
        "request": "GET /a.gif HTTP/1.0",
        "status": "304",
    }


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_csv_finds_its_delimiter(delimiter: str) -> None:
    """The delimiter is found by the header, and apostrophes and other delimiters in values do not mislead."""
    rows = [["id", "Time", "Level", "Message"], ["7", "2024-05-06 08:00", "warn", "it's 1,5 or 1;5"]]
    text = "\n".join(delimiter.join(f'"{value}"' for value in row) for row in rows)
    record = only(parse("csv", text))
    assert (record.time, record.level, record.message) == (utc(2024, 5, 6, 8), "warning", "it's 1,5 or 1;5")
    assert record.fields == {"id": "7"}
    assert parser("csv").sniff(text.encode()) >= 0.5


def test_csv_counts_physical_lines() -> None:
    """A value may span lines, and a row is on the line where it starts."""
    items = parse("csv", 'time,message\n,"one\ntwo\n\nthree"\n\n,four\n')
    assert [(item.line, item.message) for item in items] == [(2, "one\ntwo\n\nthree"), (7, "four")]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("1", "1 column instead of 2"),
        ("1,2,3", "3 columns instead of 2"),
        ('1,"2",', "3 columns instead of 2"),
        ('1,"never closed', "a quoted value is never closed"),
        ('1,"closed" too early', "',' expected after '\"'"),
    ],
)
def test_csv_gives_up_one_line_only(row: str, reason: str) -> None:
    """A bad row costs its own line, and those after it are read, whatever quotes they hold."""
    bad, *records = parse("csv", f'level,message\n{row}\ninfo,a\ninfo,"b, c"\ninfo,"d\ne"\n')
    assert (bad.line, bad.reason) == (2, reason)
    assert [(record.line, record.message) for record in records] == [(3, "a"), (4, "b, c"), (5, "d\ne")]


def test_csv_without_a_header_is_not_claimed_but_read() -> None:
    """A table without usual names is not recognised; if the user insists, its columns are numbered."""
    text = "1,2\n3,4\n"
    assert parser("csv").sniff(text.encode()) == 0
    assert [record.fields for record in parse("csv", text)] == [
        {"column1": "1", "column2": "2"},
        {"column1": "3", "column2": "4"},
    ]


# --- the host, in this process ----------------------------------------------------------------------


def test_permission_error_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that may not be read is an UnreadableError in plain words."""

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    unreadable = host("errors").UnreadableError
    with pytest.raises(unreadable, match=r"^permission denied$"), host("source").open_source(str(tmp_path / "secret")):
        pass


def test_text_is_safe_for_terminals_and_fits() -> None:
    """No control character of a log reaches the terminal, and no line is wider than 80 columns."""
    hostile = "\x1b[2J\r\u202e\x07" * 40
    record = host("contract").Record(
        line=1,
        time=utc(2024, 5, 6),
        level="info",
        message=hostile,
        fields={hostile: "", "with space": "", "b" * 200: ""},
    )
    bad = host("contract").BadLine(line=2, reason=hostile)
    report = host("report").summarise([record, bad], file="a\x1b]0;b", format_name="jsonl", top=10)
    lines = click.unstyle(host("render").report_text(report)).split("\n")
    assert all(line.isprintable() for line in lines)
    assert max(map(len, lines)) <= 80


def test_counts_that_may_be_too_low_say_so() -> None:
    """A report whose counts are not exact names the bound in text and in JSON."""
    record = host("contract").Record
    items = (record(line=n, time=None, level="info", message=word(n)) for n in range(1, 5000))
    report = host("report").summarise(items, file="-", format_name="jsonl", top=1)
    assert "(counts may be up to 2 too low)" in host("render").report_text(report)
    assert report.as_json()["messages"]["undercount"] == 2


# --- the command, installed -------------------------------------------------------------------------


@dataclass(frozen=True)
class Done:
    """What a process left."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed, read as JSON."""
        return json.loads(self.out)


@dataclass(frozen=True)
class Logscan:
    """The installed command, run from the directory of the samples."""

    executable: Path

    def __call__(
        self,
        *arguments: str | Path,
        stdin: bytes = b"",
        stdout: int = subprocess.PIPE,
        env: Mapping[str, str] | None = None,
    ) -> Done:
        """Run it to its end; `stdout` may be the descriptor of a file to print to."""
        done = subprocess.run(
            [self.executable, *arguments],
            cwd=SAMPLES,
            env=environment(env or {}),
            input=stdin,
            stdout=stdout,
            stderr=subprocess.PIPE,
            check=False,
            timeout=60,
        )
        return Done(done.returncode, text(done.stdout or b""), text(done.stderr))


def text(output: bytes) -> str:
    """Decode what a process printed, with plain line ends; bytes that are not UTF-8 become escapes."""
    return output.decode("utf-8", "backslashreplace").replace("\r\n", "\n")


def environment(more: Mapping[str, str]) -> dict[str, str]:
    """Return this process's environment without what would change the command's output, and with `more`."""
    dropped = ("PYTHON", "NO_COLOR", "FORCE_COLOR", "VIRTUAL_ENV", "UV_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    return {**kept, "PYTHONUTF8": "1", **more}


@pytest.fixture(scope="session")
def logscan(tmp_path_factory: pytest.TempPathFactory) -> Logscan:
    """Install host and plugins as wheels into an environment that all workers of a test run share."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    venv = shared / "logscan-venv"
    is_installed = shared / "logscan-venv.installed"
    with FileLock(shared / "logscan-venv.lock"):
        if not is_installed.exists():
            uv = find_uv_bin()
            subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, venv], check=True)
            # uv would keep the wheel of a directory until its pyproject.toml changes.
            fresh = [argument for name in PROJECTS for argument in ("--refresh-package", name)]
            install = [uv, "pip", "install", "--quiet", "--python", str(venv), *fresh]
            subprocess.run([*install, *map(str, PROJECTS.values())], check=True)
            is_installed.touch()
    scripts = venv / ("Scripts" if sys.platform == "win32" else "bin")
    return Logscan(scripts / "logscan")


UNSOUND = {
    "absent": "logscan_unsound_absent:Parser",
    "misnamed": "logscan_unsound:Misnamed",
    "partial": "logscan_unsound:Partial",
    "raising": "logscan_unsound:Raising",
}
"""Entry points of plugins that are not what a plugin should be."""


FAULTS = {
    "absent": "does not load: ModuleNotFoundError: No module named 'logscan_unsound_absent'",
    "misnamed": "does not load: its parser calls itself 'partial'",
    "partial": "does not load: logscan_unsound:Partial makes no logscan.contract.Parser",
    "raising": "cannot sniff: ZeroDivisionError",
}
"""What is to be said of them."""


def unsound_plugins(directory: Path, entry_points: Mapping[str, str]) -> dict[str, str]:
    """Put a distribution of unsound plugins into `directory`; return what makes Python find it."""
    metadata = directory / "logscan_unsound-0.1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: logscan-unsound\nVersion: 0.1\n")
    rows = "\n".join(f"{name} = {value}" for name, value in entry_points.items())
    (metadata / "entry_points.txt").write_text(f"[logscan.parsers]\n{rows}\n")
    (directory / "logscan_unsound.py").write_text(
        "class Partial:\n"
        "    name = 'partial'\n"
        "class Misnamed(Partial):\n"
        "    def sniff(self, head): raise ZeroDivisionError\n"
        "    def parse(self, stream): raise OSError('out of\\nluck')\n"
        "class Raising(Misnamed):\n"
        "    name = 'raising'\n"
    )
    return {"PYTHONPATH": str(directory)}


@pytest.mark.network
def test_version_is_the_distribution_s(logscan: Logscan) -> None:
    """`--version` prints the version of the installed distribution."""
    assert logscan("--version").out == "logscan 1.0.0\n"


@pytest.mark.network
def test_formats_says_who_brings_them(logscan: Logscan) -> None:
    """`formats` lists every format with its distribution, version and description, as text and as JSON."""
    listed = logscan("formats", "--json").json
    assert [(each["name"], each["distribution"], each["version"]) for each in listed] == [
        ("combined", "logscan-text", "1.0.0"),
        ("csv", "logscan-csv", "1.0.0"),
        ("jsonl", "logscan-jsonl", "1.0.0"),
        ("syslog", "logscan-text", "1.0.0"),
    ]
    lines = logscan("formats").out.splitlines()
    assert len(lines) == 5
    assert all(each["description"] in line for each, line in zip(listed, lines[1:], strict=True))
    assert max(map(len, lines)) <= 80


@pytest.mark.network
def test_scan_reports_every_sample(logscan: Logscan, tmp_path: Path) -> None:
    """`scan --json` recognises all samples and reports what the generator planted, in the order of the arguments."""
    written = load_generator().generate(tmp_path, seed=SAMPLE_SEED, lines=SAMPLE_LINES)
    done = logscan("scan", "--json", *FORMAT_OF)
    assert (done.code, done.err) == (0, "")
    for (file, format_name), report, planted in zip(FORMAT_OF.items(), done.json, written, strict=True):
        assert (report["file"], report["format"]) == (file, format_name)
        assert report["records"] == sum(planted.levels.values())
        assert {level: count for level, count in report["levels"].items() if count} == planted.levels
        assert tuple(bad["line"] for bad in report["bad_lines"]["first"]) == planted.bad_lines
        assert report["bad_lines"]["count"] == len(planted.bad_lines)


@pytest.mark.network
def test_scan_prints_a_report_to_read(logscan: Logscan) -> None:
    """The text report of a sample is this one, without colours, because it is not printed to a terminal."""
    assert logscan("scan", "--top", "3", "app.jsonl").out == (
        "app.jsonl\n"
        "  format    jsonl\n"
        "  records   147\n"
        "  time      2024-05-06 08:00:03 to 2024-05-06 08:05:29 UTC\n"
        "  levels    critical         2    1.4 %\n"
        "            error            7    4.8 %\n"
        "            warning         10    6.8 %\n"
        "            info           106   72.1 %\n"
        "            debug           22   15.0 %\n"
        "  fields    service 147, request_id 147, duration_ms 147\n"
        "  top messages\n"
        "        79  info      request <uuid> served in <n> ms\n"
        "        27  info      user <text> signed in from <ip>\n"
        "        22  debug     cache hit for session <hex>\n"
        "  bad lines: 3\n"
        "        50  not JSON at column 1: Expecting value\n"
        "       100  not a JSON object but an array\n"
        "       150  not JSON at column 47: Unterminated string\n"
    )


@pytest.mark.network
def test_gzip_and_standard_input_are_read_alike(logscan: Logscan, tmp_path: Path) -> None:
    """A file, its gzip and either of them on the standard input give the same report."""
    data = (SAMPLES / "orders.csv").read_bytes()
    packed = tmp_path / "orders.csv.gz"
    packed.write_bytes(gzip.compress(data))
    (plain,) = logscan("scan", "--json", "orders.csv").json
    for done in (
        logscan("scan", "--json", packed),
        logscan("scan", "--json", "-", stdin=data),
        logscan("scan", "--json", "-", stdin=packed.read_bytes()),
    ):
        assert {**done.json[0], "file": "orders.csv"} == plain


@pytest.mark.network
@pytest.mark.parametrize("content", [b"", b"\n \r\n", gzip.compress(b"")], ids=["empty", "blank", "gzip"])
def test_empty_file_is_an_empty_report(logscan: Logscan, content: bytes) -> None:
    """A file with nothing in it is read like any other, and the report says that there was nothing."""
    done = logscan("scan", "--json", "-", stdin=content)
    assert (done.code, done.err) == (0, "")
    assert done.json == [
        {
            "file": "-",
            "format": None,
            "records": 0,
            "levels": dict.fromkeys(("critical", "error", "warning", "info", "debug", "unknown"), 0),
            "time": {"first": None, "last": None},
            "fields": {},
            "messages": {"top": [], "undercount": 0},
            "bad_lines": {"count": 0, "first": []},
        }
    ]


def unreadable_files(directory: Path) -> dict[str, str]:
    """Make files that cannot be read; return their names and what is to be said of them."""
    packed = gzip.compress((SAMPLES / "app.jsonl").read_bytes())
    (directory / "directory").mkdir()
    (directory / "cut.gz").write_bytes(packed[:1000])
    (directory / "damaged.gz").write_bytes(packed[:-8] + b"\0" * 8)
    (directory / "notes.txt").write_bytes(b"hello\nworld\n")
    return {
        "missing.log": "no such file or directory",
        "directory": "is a directory",
        "cut.gz": "the gzip data ends too early",
        "damaged.gz": "the gzip data is damaged: ",
        "notes.txt": "no format recognises it; name one with --format (combined, csv, jsonl, syslog)",
    }


@pytest.mark.network
def test_unreadable_files_are_one_line_each(logscan: Logscan, tmp_path: Path) -> None:
    """Each file that cannot be read is one line of error, the others are reported, and the exit code is 2."""
    expected = unreadable_files(tmp_path)
    done = logscan("scan", "--json", *(tmp_path / name for name in expected), "app.jsonl")
    assert done.code == 2
    assert [report["file"] for report in done.json] == ["app.jsonl"]
    for line, (name, message) in zip(done.err.splitlines(), expected.items(), strict=True):
        assert line.startswith(f"logscan: {tmp_path / name}: {message}")


@pytest.mark.network
def test_unknown_format_is_named_with_a_suggestion(logscan: Logscan) -> None:
    """A format that is not installed ends the command with a suggestion and the list of formats."""
    done = logscan("scan", "--format", "jsnl", "app.jsonl")
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        "logscan: no format 'jsnl' is installed; did you mean 'jsonl'? (installed: combined, csv, jsonl, syslog)\n"
    )


@pytest.mark.network
def test_given_format_is_taken_as_it_is(logscan: Logscan) -> None:
    """With `--format` nothing is recognised: a file of another format is read, and all its lines are bad."""
    done = logscan("scan", "--json", "--format", "jsonl", "access.log")
    assert (done.code, done.err) == (0, "")
    (report,) = done.json
    assert (report["format"], report["records"], report["bad_lines"]["count"]) == ("jsonl", 0, 150)
    assert len(report["bad_lines"]["first"]) == 20


@pytest.mark.network
@pytest.mark.parametrize("arguments", [(), ("scan",), ("scan", "--top", "-1", "x"), ("scan", "-", "-"), ("scna",)])
def test_wrong_usage_is_exit_code_2(logscan: Logscan, arguments: tuple[str, ...]) -> None:
    """Wrong usage prints how to use the command, and no traceback."""
    done = logscan(*arguments)
    assert done.code == 2
    assert done.err.startswith("Usage: logscan")


@pytest.mark.network
def test_unsound_plugins_are_passed_over(logscan: Logscan, tmp_path: Path) -> None:
    """A plugin that does not load or does not keep the contract is one line of error; the others work."""
    done = logscan("scan", "--json", "app.jsonl", env=unsound_plugins(tmp_path, UNSOUND))
    assert (done.code, done.json[0]["format"]) == (0, "jsonl")
    for line, (name, fault) in zip(done.err.splitlines(), FAULTS.items(), strict=True):
        assert line == f"logscan: format {name!r} (logscan-unsound 0.1) {fault}"


@pytest.mark.network
def test_given_format_loads_no_other_plugin(logscan: Logscan, tmp_path: Path) -> None:
    """With `--format` the other plugins are not even imported, so that their faults do not show."""
    done = logscan("scan", "--format", "csv", "orders.csv", env=unsound_plugins(tmp_path, UNSOUND))
    assert (done.code, done.err) == (0, "")


@pytest.mark.network
def test_given_format_that_does_not_load_fails(logscan: Logscan, tmp_path: Path) -> None:
    """A format that is asked for and does not load ends the command with one line of error."""
    done = logscan("scan", "--format", "partial", "app.jsonl", env=unsound_plugins(tmp_path, UNSOUND))
    assert (done.code, done.out) == (2, "")
    assert done.err == f"logscan: format 'partial' (logscan-unsound 0.1) {FAULTS['partial']}\n"


@pytest.mark.network
def test_parser_that_raises_fails_its_file(logscan: Logscan, tmp_path: Path) -> None:
    """A parser that raises in spite of its contract is one line of error that names the file and the plugin."""
    done = logscan("scan", "--format", "raising", "app.jsonl", env=unsound_plugins(tmp_path, UNSOUND))
    assert (done.code, done.out) == (2, "")
    assert done.err == ("logscan: app.jsonl: format 'raising' (logscan-unsound 0.1) failed: OSError: out of luck\n")


@pytest.mark.network
def test_of_two_formats_with_one_name_the_first_counts(logscan: Logscan, tmp_path: Path) -> None:
    """Two distributions with a format of the same name are told apart by their own names, and that is said."""
    env = unsound_plugins(tmp_path, {"jsonl": "logscan_unsound:Raising"})
    done = logscan("scan", "--json", "app.jsonl", env=env)
    assert (done.code, done.json[0]["format"]) == (0, "jsonl")
    assert done.err == (
        "logscan: format 'jsonl' of logscan-unsound 0.1 is passed over: logscan-jsonl 1.0.0 has one of the same name\n"
    )


@pytest.mark.network
def test_host_without_plugins_says_what_is_missing(logscan: Logscan, tmp_path: Path) -> None:
    """A host that finds no plugin tells what to look for, and cannot scan."""
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib.metadata\nimportlib.metadata.entry_points = lambda **_: []\n"
    )
    env = {"PYTHONPATH": str(tmp_path)}
    message = "no formats are installed; plugins bring them as entry points of logscan.parsers"
    done = logscan("scan", "app.jsonl", env=env)
    assert (done.code, done.out, done.err) == (2, "", f"logscan: {message}\n")
    done = logscan("formats", env=env)
    assert (done.code, done.out, done.err) == (0, f"{message}\n", "")


@pytest.mark.network
def test_output_survives_a_poor_encoding(logscan: Logscan, tmp_path: Path) -> None:
    """A character that the output's encoding does not have, as Latin-1 has no snowman, is printed as its escape."""
    file = tmp_path / "a.jsonl"
    file.write_text('{"msg": "gr\u00fc\u00df \u2603 \\ud800"}\n', encoding="utf-8")
    done = logscan("scan", file, env={"PYTHONUTF8": "0", "PYTHONIOENCODING": "iso8859-1"})
    assert done.code == 0
    assert r"gr\xfc\xdf \u2603 \ud800" in done.out


@pytest.mark.network
@pytest.mark.skipif(sys.platform == "win32", reason="Windows tells a broken pipe in other ways")
@pytest.mark.parametrize("mode", [(), ("--json",)])
def test_broken_pipe_ends_quietly(logscan: Logscan, mode: tuple[str, ...]) -> None:
    """When the reader of its output has gone away, the command ends without a word."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = logscan("scan", *mode, "app.jsonl", "orders.csv", stdout=writer)
    finally:
        os.close(writer)
    assert (done.code, done.err) == (1, "")


@pytest.mark.network
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_full_disk_is_one_line(logscan: Logscan) -> None:
    """When the output cannot be written, that is one line of error."""
    with Path("/dev/full").open("wb") as full:
        done = logscan("scan", "app.jsonl", stdout=full.fileno())
    assert (done.code, done.err) == (2, "logscan: cannot write: No space left on device\n")


@pytest.mark.network
@pytest.mark.parametrize(("env", "has_colour"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_colours_are_for_terminals(logscan: Logscan, env: Mapping[str, str], *, has_colour: bool) -> None:
    """On a terminal levels are coloured, unless NO_COLOR is set."""
    pty = pytest.importorskip("pty", reason="no terminals to open")
    ours, theirs = pty.openpty()
    try:
        assert logscan("scan", "app.jsonl", stdout=theirs, env=env).code == 0
        assert (b"\x1b[" in os.read(ours, 64 * 1024)) is has_colour
    finally:
        os.close(ours)
        os.close(theirs)

"""The line-based formats: JSON lines, syslog, access logs."""

from __future__ import annotations

import importlib
import io
import json
from typing import TYPE_CHECKING

import pytest

from .example import only, parse, utc

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


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
def test_jsonl_recognises_the_usual_names(entry: Mapping[str, object]) -> None:
    """Time, level and message are found under the names that common loggers use."""
    record = only(parse("jsonl", json.dumps({**entry, "user": "ann"})))
    assert (record.time, record.level, record.message) == (utc(2024, 5, 6, 8), "error", "no")
    assert record.fields == {"user": "ann"}


def test_jsonl_keeps_everything() -> None:
    """Unreadable times and levels, and values that are not text, are kept in the fields."""
    record = only(parse("jsonl", '{"time": "soon", "level": "loud", "n": 1.5, "list": [1, "ä"], "none": null}'))
    assert (record.time, record.level, record.message) == (None, "unknown", "")
    assert record.fields == {"time": "soon", "level": "loud", "n": "1.5", "list": '[1,"ä"]', "none": ""}


def test_line_ends_of_windows_are_read() -> None:
    """CR LF and a byte order mark are not part of a line, and blank lines are skipped but counted."""
    items = parse("jsonl", b'\xef\xbb\xbf{"msg": "a"}\r\n\r\n{"msg": "b"}')
    assert [(item.line, item.message) for item in items] == [(1, "a"), (3, "b")]


def test_syslog_in_rfc_3164_format_is_read() -> None:
    """A line of the old format has host, program and process, and a level if it has a priority."""
    with_priority, without = parse(
        "syslog",
        "<34>Oct 11 22:14:15 mymachine su: 'su root' failed for lonvick on /dev/pts/8\n"
        "Oct  1 22:14:15 mymachine sshd[411]: ok\n",
    )
    assert (with_priority.level, with_priority.message) == ("critical", "'su root' failed for lonvick on /dev/pts/8")
    assert (with_priority.time.month, with_priority.time.day) == (10, 11)
    assert (without.level, without.message) == ("unknown", "ok")
    assert without.fields == {"host": "mymachine", "app": "sshd", "process": "411"}


def test_syslog_in_rfc_5424_format_is_read() -> None:
    """A line of the new format has its time, unescaped structured data, and its message without a byte order mark."""
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


def test_syslog_with_full_times_is_read() -> None:
    """Lines with a full time and no priority, as current daemons write them to files, are read."""
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
    """A time without a year is in the latest year that makes it at most one day later than now."""
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
def test_syslog_fault_has_a_reason(line: str, reason: str) -> None:
    """A bad line of syslog is a fault with the reason."""
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
def test_combined_message_has_method_path_and_status(request_line: str, status: int, message: str, level: str) -> None:
    """The message is the method, the path without its query, and the status; the level depends on the status."""
    line = f'2001:db8::1 - - [06/May/2024:10:00:00 +0200] "{request_line}" {status} 17 "-" "a \\"b\\""'
    record = only(parse("combined", line))
    assert (record.message, record.level, record.time) == (message, level, utc(2024, 5, 6, 8))


def test_combined_also_reads_the_common_format() -> None:
    """Lines without referer and agent are read, and a value of "-" does not become a field."""
    record = only(parse("combined", '127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /a.gif HTTP/1.0" 304 -'))
    assert record.fields == {
        "remote": "127.0.0.1",
        "user": "frank",
        "request": "GET /a.gif HTTP/1.0",
        "status": "304",
    }

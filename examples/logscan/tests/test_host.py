"""The modules of the host: times, levels, messages, timeline, report."""

from __future__ import annotations

import errno
import io
import json
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import pytest
from hypothesis import given, settings, strategies as st
from logscan import timeline
from logscan.contract import Fault, Record
from logscan.errors import UnreadableError
from logscan.grouping import FrequentItems, template
from logscan.levels import parse_level
from logscan.lines import read_lines, whole_lines
from logscan.render import report_text
from logscan.report import summarise
from logscan.source import open_source
from logscan.times import parse_time

from .example import utc, word

if TYPE_CHECKING:
    from collections.abc import Mapping


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
    """RFC 3339, similar notations, and numbers in four units all give the same moment in UTC."""
    assert parse_time(value) == utc(2024, 5, 6, 8, 9, 10)


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
def test_value_that_is_not_a_time_is_none(value: object) -> None:
    """A value of any kind that is not a time gives None and raises no exception."""
    assert parse_time(value) is None


def test_leap_second_is_the_last_second_of_its_minute() -> None:
    """Second 60, which RFC 3339 allows, is read as the last second of its minute."""
    assert parse_time("2016-12-31T23:59:60Z") == utc(2016, 12, 31, 23, 59, 59)


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
    """Names, the severities of syslog and the numbers of bunyan and pino each become one of six levels."""
    assert parse_level(value) == level


@pytest.mark.parametrize(
    ("message", "expected"),
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
def test_similar_messages_share_a_template(message: str, expected: str) -> None:
    """The details that differ between similar messages are replaced with placeholders."""
    assert template(message) == expected


@settings(deadline=None)
@given(items=st.lists(st.sampled_from("abcdefghij")), capacity=st.integers(1, 12))
def test_counts_of_frequent_items_are_within_bounds(items: list[str], capacity: int) -> None:
    """No count is too high, none is too low by more than the stated bound, and no more items than allowed are kept."""
    counter: FrequentItems[str] = FrequentItems(capacity)
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
def test_record_rejects_unknown_level_and_naive_time(values: Mapping[str, Any], message: str) -> None:
    """A record with an unknown level, or with a time without a time zone, raises an error when it is made."""
    valid = {"line": 1, "time": None, "level": "info", "message": ""}
    with pytest.raises(ValueError, match=message):
        Record(**{**valid, **values})


def test_permission_error_is_in_plain_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opening a file without permission raises an UnreadableError whose message is plain words."""

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(UnreadableError, match=r"^permission denied$"), open_source(str(tmp_path / "secret")):
        pass


def test_report_is_printable_and_at_most_80_columns_wide() -> None:
    """The report has none of the control characters of a log, and no line wider than 80 columns."""
    hostile = "\x1b[2J\r\u202e\x07" * 40
    record = Record(
        line=1,
        time=utc(2024, 5, 6),
        level="info",
        message=hostile,
        fields={hostile: "", "with space": "", "b" * 200: ""},
    )
    bad = Fault(line=2, reason=hostile)
    report = summarise([record, bad], file="a\x1b]0;b", format_name="jsonl", top=10)
    lines = click.unstyle(report_text(report)).split("\n")
    assert all(line.isprintable() for line in lines)
    assert max(map(len, lines)) <= 80


def test_report_states_how_far_counts_may_be_too_low() -> None:
    """If counts are not exact, the report states the bound of the error, as text and as JSON."""
    items = (Record(line=n, time=None, level="info", message=word(n)) for n in range(1, 5000))
    report = summarise(items, file="-", format_name="jsonl", top=1)
    assert "(counts may be up to 2 too low)" in report_text(report)
    assert json.loads(json.dumps(report.as_json()))["messages"]["undercount"] == 2


@settings(deadline=None)
@given(
    seconds=st.lists(st.integers(-62_135_596_800, 253_402_300_799), min_size=1, max_size=30),
    limit=st.integers(2, 60),
    capacity=st.integers(2, 20),
)
def test_timeline_counts_every_record(seconds: list[int], limit: int, capacity: int) -> None:
    """For any times in any order, every record is counted, and the histogram is no longer than its limit."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(timeline, "_CAPACITY", capacity)
        counted = timeline.Timeline()
        for each in seconds:
            counted.add(utc(1970, 1, 1) + timedelta(seconds=each), is_error=each % 2 == 0)
    histogram = counted.histogram(limit)
    assert histogram is not None
    assert sum(histogram.counts) == len(seconds)
    assert sum(histogram.errors) == sum(each % 2 == 0 for each in seconds)
    assert len(histogram.counts) == len(histogram.errors) <= limit
    assert histogram.start <= utc(1970, 1, 1) + timedelta(seconds=min(seconds))


def test_timeline_uses_the_shortest_intervals_that_fit() -> None:
    """The intervals are as short as the limit allows, and start at full minutes, hours or days."""
    counted = timeline.Timeline()
    for minute in range(90):
        counted.add(utc(2024, 5, 6, 8, 3) + timedelta(minutes=minute), is_error=minute == 0)
    histogram = counted.histogram(60)
    assert histogram is not None
    assert (histogram.start, histogram.width, len(histogram.counts)) == (utc(2024, 5, 6, 8, 0), 300, 19)
    assert histogram.counts[:3] == (2, 5, 5)
    assert histogram.errors == (1, *[0] * 18)


def test_timeline_without_times_has_no_histogram() -> None:
    """If no record has a time, there is no histogram."""
    assert timeline.Timeline().histogram(60) is None


@pytest.mark.parametrize("places", [{}, {"line": 1, "offset": 1}])
def test_items_need_exactly_one_place(places: Mapping[str, Any]) -> None:
    """A record or fault with no place, or with both a line and an offset, raises an error when it is made."""
    with pytest.raises(ValueError, match="either a line or an offset"):
        Record(**places, time=None, level="info", message="")
    with pytest.raises(ValueError, match="either a line or an offset"):
        Fault(**places, reason="")


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_lines_are_read_in_utf_16_and_utf_32(encoding: str) -> None:
    """Lines in UTF-16 and UTF-32 are read and counted as in UTF-8, and incomplete characters become escapes."""
    data = "\N{BYTE ORDER MARK}über\r\n\nlast".encode(encoding) + b"\0"
    lines = list(read_lines(io.BytesIO(data)))
    assert [line.text for line in lines] == ["über", "", r"last\x00"]
    assert [line.text for line in whole_lines(data)] == ["über"]

"""CSV in all its dialects."""

from __future__ import annotations

import pytest

from .example import only, parse, parser, utc


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_csv_finds_its_delimiter(delimiter: str) -> None:
    """The header gives the delimiter, whatever apostrophes and other delimiters the values contain."""
    rows = [["id", "Time", "Level", "Message"], ["7", "2024-05-06 08:00", "warn", "it's 1,5 or 1;5"]]
    text = "\n".join(delimiter.join(f'"{value}"' for value in row) for row in rows)
    record = only(parse("csv", text))
    assert (record.time, record.level, record.message) == (utc(2024, 5, 6, 8), "warning", "it's 1,5 or 1;5")
    assert record.fields == {"id": "7"}
    assert parser("csv").sniff(text.encode()) >= 0.5


def test_csv_counts_physical_lines() -> None:
    """A value may span lines, and the line of a row is the one where it starts."""
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
def test_bad_csv_row_does_not_affect_next_rows(row: str, reason: str) -> None:
    """A bad row is a fault on its line, and the rows after it are read, with and without quotes."""
    bad, *records = parse("csv", f'level,message\n{row}\ninfo,a\ninfo,"b, c"\ninfo,"d\ne"\n')
    assert (bad.line, bad.reason) == (2, reason)
    assert [(record.line, record.message) for record in records] == [(3, "a"), (4, "b, c"), (5, "d\ne")]


def test_csv_without_a_header_is_not_recognised_but_can_be_read() -> None:
    """A table without known column names is not recognised, but can be read, and then its columns have numbers."""
    text = "1,2\n3,4\n"
    assert parser("csv").sniff(text.encode()) == 0
    assert [record.fields for record in parse("csv", text)] == [
        {"column1": "1", "column2": "2"},
        {"column1": "3", "column2": "4"},
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("'Time','Message'\n'2024-05-06 08:00','a, ''b'''\n", "a, 'b'"),
        ('"Time","Message"\n"2024-05-06 08:00","a, \\"b\\""\n', 'a, "b"'),
        ("Time^Message\n2024-05-06 08:00^a, b\n", "a, b"),
        ("Time\x1fMessage\n2024-05-06 08:00\x1fa, b\n", "a, b"),
        ("sep=;\nTime;Message\n2024-05-06 08:00;a, b\n", "a, b"),
        ("Time,Message\n2024-05-06 08:00,C:\\temp\\new\n", "C:\\temp\\new"),
        ('Time,Message\n2024-05-06 08:00,\'tis a "test"\n', '\'tis a "test"'),
        ('Time\tMessage\n2024-05-06 08:00\t"first\r\n\r\nthird"\n', "first\r\n\nthird"),
    ],
    ids=["apostrophes", "backslashes", "caret", "unit separator", "hint", "paths", "no quotes", "lines"],
)
def test_csv_finds_its_dialect(text: str, message: str) -> None:
    """The quotes, escapes and delimiters of a file are found, and similar characters in values are kept."""
    record = only(parse("csv", text))
    assert record.time == utc(2024, 5, 6, 8)
    assert record.message.replace("\r\n", "\n") == message.replace("\r\n", "\n")
    assert parser("csv").sniff(text.encode()) >= 0.5


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be", "utf-32"])
def test_csv_with_a_byte_order_mark_is_read(encoding: str) -> None:
    """Any encoding with a byte order mark is read, such as the "Unicode text" of spreadsheets: UTF-16 with tabs."""
    text = "Time\tLevel\tMessage\r\n2024-05-06 08:00\twarn\tBjörn ist da\r\n"
    data = ("\N{BYTE ORDER MARK}" * (encoding == "utf-16-be") + text).encode(encoding)
    record = only(parse("csv", data))
    assert (record.line, record.level, record.message) == (2, "warning", "Björn ist da")
    assert parser("csv").sniff(data[:-1]) >= 0.5


def test_csv_finds_its_header_below_a_title() -> None:
    """Lines above the header are skipped, and lines are still counted from the top of the file."""
    text = "Report of May 2024\nprinted 2024-06-01;;\n\ntime;level;message\n2024-05-06 08:00;info;a\n;info\n;info;b\n"
    first, fault, last = parse("csv", text)
    assert (first.line, first.message, last.line, last.message) == (5, "a", 7, "b")
    assert (fault.line, fault.reason) == (6, "2 columns instead of 3")


def test_csv_columns_are_recognised_by_their_values() -> None:
    """If a header is in another language, the columns of time and level are recognised by their values."""
    text = "Zeitpunkt;Stufe;Meldung;Dauer\n2024-05-06 08:00;WARN;zu langsam;1,5\n2024-05-06 08:01;INFO;gut;0,5\n"
    slow, fine = parse("csv", text)
    assert (slow.time, slow.level) == (utc(2024, 5, 6, 8), "warning")
    assert (fine.time, fine.level) == (utc(2024, 5, 6, 8, 1), "info")
    assert slow.fields == {"Meldung": "zu langsam", "Dauer": "1,5"}
    assert parser("csv").sniff(text.encode()) >= 0.5


def test_csv_columns_with_the_same_name_are_all_kept() -> None:
    """Columns with a repeated name or no name get unique names."""
    record = only(parse("csv", "message,user,user,\nm,a,b,c\n"))
    assert record.fields == {"user": "a", "user_3": "b", "column4": "c"}

"""XML of log4j and Windows, and damaged XML."""

from __future__ import annotations

import io

import pytest

from .example import is_fault, only, parse, parser, utc

LOG4J1 = (
    '<log4j:event logger="shop.Orders" timestamp="1714982400123" level="FATAL" thread="main">\n'
    "<log4j:message><![CDATA[no <b>disk</b> & no ]]>]]&gt;<![CDATA[ hope]]></log4j:message>\n"
    "<log4j:NDC><![CDATA[outer inner]]></log4j:NDC>\n"
    "<log4j:throwable><![CDATA[java.io.IOException: full\n\tat shop.Orders.store(Orders.java:1)]]></log4j:throwable>\n"
    '<log4j:locationInfo class="shop.Orders" method="store" file="Orders.java" line="1"/>\n'
    '<log4j:properties><log4j:data name="node" value="7"/></log4j:properties>\n'
    "</log4j:event>\n"
)
LOG4J2 = (
    '<Event xmlns="http://logging.apache.org/log4j/2.0/events" thread="main" level="WARN" loggerName="shop">\n'
    '<Instant epochSecond="1714982400" nanoOfSecond="123456789"/><Marker name="SQL"/><Message>slow</Message>\n'
    '<ContextMap><item key="user" value="ann"/></ContextMap>\n'
    '<Thrown commonElementCount="0" name="java.io.IOException" message="full"><ExtendedStackTrace/></Thrown>\n'
    '<Source class="shop.Orders" method="store" file="Orders.java" line="1"/></Event>\n'
)
WINDOWS = (
    '<Event xmlns="http://schemas.microsoft.com/win/2004/08/events/event"><System>'
    '<Provider Name="disk"/><EventID Qualifiers="32772">51</EventID>'
    "<Level>{level}</Level><Keywords>{keywords}</Keywords>"
    '<TimeCreated SystemTime="2024-05-06T08:00:00.1234567Z"/><EventRecordID>9</EventRecordID>'
    '<Execution ProcessID="4" ThreadID="8"/><Channel>System</Channel><Computer>büro</Computer>'
    '<Security UserID="S-1-5-18"/></System>'
    '<EventData><Data>\\Device\\Harddisk0</Data><Data Name="Retries">3</Data></EventData>{more}</Event>\r\n'
)


def windows(level: int = 2, keywords: str = "0x80000000000000", more: str = "") -> str:
    """Return a Windows event."""
    return WINDOWS.format(level=level, keywords=keywords, more=more)


def test_log4j_1_event_is_read() -> None:
    """An event of log4j 1 has its message without quoting, its stack trace and its properties."""
    record = only(parse("xml", LOG4J1))
    assert (record.line, record.time, record.level) == (1, utc(2024, 5, 6, 8, 0, 0, 123_000), "critical")
    assert record.message == "no <b>disk</b> & no ]]> hope"
    assert record.fields == {
        "logger": "shop.Orders",
        "thread": "main",
        "ndc": "outer inner",
        "throwable": "java.io.IOException: full\n\tat shop.Orders.store(Orders.java:1)",
        "location": "shop.Orders.store(Orders.java:1)",
        "node": "7",
    }


@pytest.mark.parametrize(
    "root", ["{}", "<Events>{}</Events>", '<?xml version="1.0" encoding="UTF-8"?>\n<Events>{}</Events>']
)
def test_log4j_2_event_is_read(root: str) -> None:
    """An event of log4j 2 is read with and without a root element."""
    record = only(parse("xml", root.format(LOG4J2)))
    assert (record.time, record.level, record.message) == (utc(2024, 5, 6, 8, 0, 0, 123_456), "warning", "slow")
    assert record.fields == {
        "logger": "shop",
        "thread": "main",
        "marker": "SQL",
        "user": "ann",
        "throwable": "java.io.IOException: full",
        "location": "shop.Orders.store(Orders.java:1)",
    }


def test_time_of_early_log4j_2_is_read() -> None:
    """The time of the first versions of log4j 2, an attribute in milliseconds, is read."""
    record = only(parse("xml", '<Event timeMillis="1714982400123" level="AUDIT"><Message>m</Message></Event>'))
    assert (record.time, record.level) == (utc(2024, 5, 6, 8, 0, 0, 123_000), "unknown")


def test_windows_event_is_read() -> None:
    """A Windows event has its fields; if it has no rendered message, the message is provider and event ID."""
    record = only(parse("xml", f"<Events>{windows()}</Events>"))
    assert (record.time, record.level) == (utc(2024, 5, 6, 8, 0, 0, 123_456), "error")
    assert record.message == "disk EventID 51"
    assert record.fields == {
        "provider": "disk",
        "event_id": "51",
        "computer": "büro",
        "channel": "System",
        "record": "9",
        "process": "4",
        "thread": "8",
        "user": "S-1-5-18",
        "data1": "\\Device\\Harddisk0",
        "Retries": "3",
    }


@pytest.mark.parametrize(
    ("level", "keywords", "expected"),
    [
        (0, "0x8020000000000000", "info"),
        (0, "0x8010000000000000", "warning"),
        (1, "", "critical"),
        (3, "nonsense", "warning"),
        (4, "0x10", "info"),
        (5, "0x10", "debug"),
        (9, "0x10", "unknown"),
    ],
)
def test_windows_levels_are_read(level: int, keywords: str, expected: str) -> None:
    """Levels are numbers, and a failed audit, which has a keyword instead, is a warning."""
    assert only(parse("xml", windows(level, keywords))).level == expected


def test_rendered_windows_event_is_read() -> None:
    """A rendered message is used as the message, and the provider's own elements become fields."""
    rendered = "<RenderingInfo><Message>bad block</Message></RenderingInfo>"
    more = f"<UserData><Op xmlns='urn:x'><Path>C:\\</Path></Op></UserData>{rendered}"
    record = only(parse("xml", windows(more=more)))
    assert (record.message, record.fields["Path"]) == ("bad block", "C:\\")


@pytest.mark.parametrize("declared", ["", '<?xml version="1.0" encoding="utf-16"?>\r\n'])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_unicode_encoding_is_found_by_the_first_bytes(encoding: str, declared: str) -> None:
    """UTF-16 is read with and without a byte order mark, even if the declared encoding no longer applies."""
    data = f"{declared}<Events>\r\n{windows()}</Events>".encode(encoding)
    record = only(parse("xml", data))
    assert (record.line, record.fields["computer"]) == (3 if declared else 2, "büro")
    assert parser("xml").sniff(data[:-3]) >= 0.5


@pytest.mark.parametrize("encoding", ["iso-8859-1", "windows-1252", "punycode", "no-such-thing"])
def test_declared_encoding_is_used_if_xml_supports_it(encoding: str) -> None:
    """Eight-bit encodings are read as declared; with any other, bytes that are not UTF-8 become escapes."""
    data = f'<?xml version="1.0" encoding="{encoding}"?>{windows()}'.encode("iso-8859-1")
    is_known = encoding in {"iso-8859-1", "windows-1252"}
    assert only(parse("xml", data)).fields["computer"] == ("büro" if is_known else "b\\xfcro")


@pytest.mark.parametrize(
    ("damage", "line", "reason"),
    [
        (
            "<Event timeMillis='1'>\n<Message>a & b</Message></Event>\n",
            3,
            "not well-formed (invalid token) at column 13",
        ),
        (
            "<Event timeMillis='1'>\n<Message>\x1b</Message></Event>\n",
            3,
            "not well-formed (invalid token) at column 10",
        ),
        ("<Event timeMillis='1'>\n<Message>&unknown;</Message></Event>\n", 3, "undefined entity at column 10"),
        ("<Event timeMillis='1'>\n<a></b></Event>\n", 3, "mismatched tag at column 6"),
        ("<Event timeMillis='1'>\n<Message>killed\n", 2, "the event that starts here is cut off"),
        ("<Event timeMillis='soon'/>\n", 2, "no such time: soon"),
        ("<Event level='INFO'/>\n", 2, "an event, but neither log4j's nor of Windows"),
        ("Exception in thread main\n\tat x\n", 2, "text outside of an event"),
    ],
)
def test_fault_does_not_affect_other_events(damage: str, line: int, reason: str) -> None:
    """A fault has its line and column, and the events before and after it are read."""
    good = '<Event timeMillis="1714982400123" level="INFO"><Message>{}</Message></Event>\n'
    before, fault, after = parse("xml", good.format("before") + damage + good.format("after"))
    assert (fault.line, fault.reason) == (line, reason)
    assert (before.line, before.message) == (1, "before")
    assert (after.line, after.message) == (damage.count("\n") + 2, "after")


@pytest.mark.parametrize("prefix", ["é:", f"{'x' * 99}:"])
def test_event_inside_an_event_is_a_fault(prefix: str) -> None:
    """An event inside an event is a fault for both, even if its prefix is unusual, and the next event is read."""
    good = '<Event timeMillis="1714982400123"/>'
    fault, record = parse("xml", f"<Event timeMillis='1'><{prefix}event >\n{good}")
    assert (fault.line, fault.reason) == (1, "the event that starts here is cut off")
    assert record.line == 2


def test_fault_in_a_file_of_one_line_has_its_column() -> None:
    """A file of one line is read event by event, and a fault has its column in the file."""
    events = [windows().strip() for _ in range(500)]
    events[300] = events[300].replace("büro", "b&ro")
    text = f"<Events>{''.join(events)}</Events>"
    items = parse("xml", text)
    assert sum(not is_fault(item) for item in items) == 499
    assert items[300].reason == f"not well-formed (invalid token) at column {text.index('b&ro') + 5}"


def test_several_documents_in_one_file_are_read() -> None:
    """Several documents in one file are read as one, and XML inside a message is part of the message."""
    document = '<?xml version="1.0"?>\n<Events>\n{}</Events>\n'
    quoting = LOG4J2.replace("slow", "<![CDATA[<?xml version='1.0'?><Event a='b'/>]]>")
    first, second = parse("xml", document.format(quoting) + document.format(LOG4J2))
    assert (first.message, second.message) == ("<?xml version='1.0'?><Event a='b'/>", "slow")
    assert (first.line, second.line) == (3, 11)


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        (LOG4J1 + LOG4J1[:200], 9, "the event that starts here is cut off"),
        (f"<Events>\n{LOG4J2}", 7, "the file ends before </Events>"),
        ("<html>\n</html>", 1, "no event of log4j or Windows in it"),
    ],
)
def test_incomplete_file_has_a_fault(text: str, line: int, reason: str) -> None:
    """A file that ends too early, or has no events, has a fault with a line and a reason."""
    *_, fault = parse("xml", text)
    assert (fault.line, fault.reason) == (line, reason)


def test_external_entities_are_rejected() -> None:
    """A document type that includes another file, as log4j's manual recommends, is rejected."""
    wrapper = (
        '<?xml version="1.0"?>\n<!DOCTYPE log4j:eventSet [<!ENTITY data SYSTEM "file:///etc/hostname">]>\n<a>&data;</a>'
    )
    fault = only(parse("xml", wrapper))
    assert (fault.line, fault.reason[:27]) == (2, "a document type is refused:")


def test_events_may_span_several_reads() -> None:
    """The events are the same, however few bytes the stream returns at a time."""
    data = (LOG4J1 * 3 + windows() * 3).encode()

    class Dribble(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return super().read(min(size or 7, 7))

    assert list(parser("xml").parse(Dribble(data))) == parse("xml", data)

"""Makes records from the events of log4j 1, log4j 2 and Windows.

log4j 1 is `org.apache.log4j.xml.XMLLayout`, which log4j 2 has as `Log4j1XmlLayout`; log4j 2 is `XmlLayout`
(https://logging.apache.org/log4j/2.x/manual/layouts.html). The events of Windows follow the schema
http://schemas.microsoft.com/win/2004/08/events/event.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from logscan.contract import Fault, Record
from logscan.levels import parse_level
from logscan.times import from_iso, from_seconds

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from logscan.contract import Level

    from logscan_xml._events import Element, Event

# https://learn.microsoft.com/windows/win32/wes/defining-severity-levels; 0 is "log always".
_WINDOWS_LEVELS: Final[dict[str, Level]] = {
    "0": "info",
    "1": "critical",
    "2": "error",
    "3": "warning",
    "4": "info",
    "5": "debug",
}
_AUDIT_FAILURE: Final = 1 << 52
_MAX_DIGITS: Final = 19


def to_record(event: Event) -> Record | Fault:
    """Make a record from an event, or a fault if its kind is unknown or it has no readable time."""
    paths = {element.path for element in event.elements}
    if "System/TimeCreated" in paths:
        return _windows(event)
    if "timestamp" in event.attributes:
        return _log4j1(event)
    if "timeMillis" in event.attributes or "Instant" in paths:
        return _log4j2(event)
    return Fault(line=event.line, reason="an event, but neither log4j's nor of Windows")


def _log4j1(event: Event) -> Record | Fault:
    time = _from_digits(event.attributes["timestamp"])
    if time is None:
        return _no_time(event, event.attributes["timestamp"])
    first = _first(event)
    fields = _present(
        logger=event.attributes.get("logger"),
        thread=event.attributes.get("thread"),
        ndc=first["NDC"].text if "NDC" in first else None,
        location=_location(first.get("locationInfo")),
        throwable=first["throwable"].text if "throwable" in first else None,
    )
    data = _named(event.elements, ("properties/data", "MDC/data"), name="name", value="value")
    return Record(
        line=event.line,
        time=time,
        level=parse_level(event.attributes.get("level")),
        message=first["message"].text if "message" in first else "",
        fields={**data, **fields},
    )


def _log4j2(event: Event) -> Record | Fault:
    first = _first(event)
    instant = first.get("Instant")
    if instant is not None:
        seconds = instant.attributes.get("epochSecond", "")
        nanoseconds = instant.attributes.get("nanoOfSecond", "0")
        time = _from_digits(seconds, fraction=nanoseconds)
    else:
        seconds = event.attributes["timeMillis"]
        time = _from_digits(seconds)
    if time is None:
        return _no_time(event, seconds)
    thrown = first["Thrown"].attributes if "Thrown" in first else {}
    fields = _present(
        logger=event.attributes.get("loggerName"),
        thread=event.attributes.get("thread"),
        marker=first["Marker"].attributes.get("name") if "Marker" in first else None,
        location=_location(first.get("Source")),
        throwable=": ".join(thrown[key] for key in ("name", "message") if key in thrown),
    )
    data = _named(event.elements, ("ContextMap/item",), name="key", value="value")
    return Record(
        line=event.line,
        time=time,
        level=parse_level(event.attributes.get("level")),
        message=first["Message"].text if "Message" in first else "",
        fields={**data, **fields},
    )


def _windows(event: Event) -> Record | Fault:
    first = _first(event)
    text: defaultdict[str, str] = defaultdict(str, {path: element.text for path, element in first.items()})
    created = first["System/TimeCreated"].attributes.get("SystemTime", "")
    time = from_iso(created)
    if time is None:
        return _no_time(event, created)
    provider = first["System/Provider"].attributes.get("Name", "") if "System/Provider" in first else ""
    number = text["System/EventID"]
    execution = first["System/Execution"].attributes if "System/Execution" in first else {}
    security = first["System/Security"].attributes if "System/Security" in first else {}
    fields = _present(
        provider=provider,
        event_id=number,
        computer=text["System/Computer"],
        channel=text["System/Channel"],
        record=text["System/EventRecordID"],
        process=execution.get("ProcessID"),
        thread=execution.get("ThreadID"),
        user=security.get("UserID"),
    )
    return Record(
        line=event.line,
        time=time,
        level=_windows_level(text["System/Level"], text["System/Keywords"]),
        message=text["RenderingInfo/Message"] or f"{provider} EventID {number}".strip(),
        fields={**_windows_data(event.elements), **fields},
    )


def _windows_level(level: str, keywords: str) -> Level:
    """Return the level; the audits of the Security log have level 0, and mark a failure with a keyword."""
    try:
        is_failure = bool(int(keywords, 16) & _AUDIT_FAILURE)
    except ValueError:
        is_failure = False
    return "warning" if is_failure and level == "0" else _WINDOWS_LEVELS.get(level, "unknown")


def _windows_data(elements: Iterable[Element]) -> dict[str, str]:
    """Return what the provider adds: named or numbered data, or elements of its own."""
    data: dict[str, str] = {}
    for element in elements:
        head, _, rest = element.path.partition("/")
        if head == "EventData" and rest:
            data[element.attributes.get("Name") or f"data{len(data) + 1}"] = element.text
        elif head == "UserData" and element.text:
            data[rest.rpartition("/")[2]] = element.text
    return data


def _first(event: Event) -> dict[str, Element]:
    """Return the first element of each path."""
    first: dict[str, Element] = {}
    for element in event.elements:
        first.setdefault(element.path, element)
    return first


def _named(elements: Iterable[Element], paths: tuple[str, ...], *, name: str, value: str) -> dict[str, str]:
    return {
        element.attributes[name]: element.attributes.get(value) or element.text
        for element in elements
        if element.path in paths and name in element.attributes
    }


def _present(**values: str | None) -> dict[str, str]:
    return {name: value for name, value in values.items() if value}


def _location(element: Element | None) -> str | None:
    if element is None:
        return None
    known = defaultdict(lambda: "?", element.attributes)
    return f"{known['class']}.{known['method']}({known['file']}:{known['line']})"


def _from_digits(text: str, *, fraction: str | None = None) -> datetime | None:
    """Read milliseconds since 1970, or seconds if there is a fraction in nanoseconds."""
    if not all(part.isascii() and part.isdigit() and len(part) <= _MAX_DIGITS for part in (text, fraction or "0")):
        return None
    number = int(text)
    if fraction is not None:
        return from_seconds(number, nanoseconds=int(fraction))
    return from_seconds(number // 1000, nanoseconds=number % 1000 * 1_000_000)


def _no_time(event: Event, text: str) -> Fault:
    return Fault(line=event.line, reason=f"no such time: {text or 'none is given'}")

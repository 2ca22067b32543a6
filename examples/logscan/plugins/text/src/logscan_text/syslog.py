"""Syslog in the old format (RFC 3164) and the new one (RFC 5424), which a file may mix.

RFC 3164's time has neither a year nor a time zone. It is taken to be in UTC, and in the latest year in which
it is not more than a day ahead of now: on 3 January, "Dec 31" was last year, and "Jan 4" is this year,
written by a clock that runs ahead. Files that syslog daemons write often have a full time in its place, which
is read as well.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, BinaryIO, Final

from logscan.contract import Fault, Record
from logscan.levels import from_severity
from logscan.times import MONTHS, UTC, from_iso, in_utc

from logscan_text._lines import parse_each, share_of_records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from logscan.contract import Level, Parser

_OLD: Final = re.compile(
    r"""
    (?: < (?P<priority> \d{1,3} ) > )?
    (?P<time>
        (?P<month> [A-Z][a-z]{2} ) [ ] (?P<day> [ \d]\d ) [ ]
        (?P<hour> \d\d ) : (?P<minute> \d\d ) : (?P<second> \d\d )
      | \d{4}-\d\d-\d\d T \S+
    )
    [ ] (?P<host> \S+ ) [ ]
    (?: (?P<app> [^\s:\[]+ ) (?: \[ (?P<process> [^\]]* ) \] )? : (?: [ ] | $ ) )?
    (?P<message> .* )
    """,
    re.VERBOSE | re.ASCII | re.DOTALL,
)
_NEW: Final = re.compile(
    r"""
    < (?P<priority> \d{1,3} ) > 1 [ ]
    (?P<time> \S+ ) [ ] (?P<host> \S+ ) [ ] (?P<app> \S+ ) [ ] (?P<process> \S+ ) [ ] (?P<kind> \S+ ) [ ]
    (?P<data> - | (?: \[ [^\s=\]"]+ (?: [ ] [^\s=\]"]+ = " (?: [^"\\\]] | \\. )* " )* \] )+ )
    (?: [ ] (?P<message> .* ) )?
    """,
    re.VERBOSE | re.ASCII | re.DOTALL,
)
_ELEMENT: Final = re.compile(r'\[([^\s=\]"]+)((?: [^\s=\]"]+="(?:[^"\\\]]|\\.)*")*)\]', re.DOTALL)
_PARAMETER: Final = re.compile(r' ([^\s=\]"]+)="((?:[^"\\\]]|\\.)*)"', re.DOTALL)
_ESCAPED: Final = re.compile(r'\\(["\\\]])')

_MAX_PRIORITY: Final = 191
_NIL: Final = "-"


class Syslog:
    """Syslog of RFC 3164 and RFC 5424.

    The level comes from the priority; files often lack it, and then the level is unknown. `now` gives the
    current time, which settles the year where the format has none.
    """

    name = "syslog"

    def __init__(self, *, now: Callable[[], datetime] | None = None) -> None:
        self._now = now or _now

    def sniff(self, head: bytes) -> float:
        """Return the share of syslog lines among the first lines."""
        return share_of_records(head, _Reader(self._now()).read)

    def parse(self, stream: BinaryIO) -> Iterator[Record | Fault]:
        """Yield one record, or one fault, for every line that is not blank."""
        return parse_each(stream, _Reader(self._now()).read)


class _Reader:
    """Reads lines with one fixed current time."""

    def __init__(self, now: datetime) -> None:
        self._latest = now + timedelta(days=1)

    def read(self, number: int, text: str) -> Record | Fault:
        match = _NEW.fullmatch(text) or _OLD.fullmatch(text)
        if match is None:
            return Fault(line=number, reason="neither RFC 3164 nor RFC 5424")
        priority = match["priority"]
        if priority is not None and int(priority) > _MAX_PRIORITY:
            return Fault(line=number, reason=f"priority {priority} is more than {_MAX_PRIORITY}")
        time = self._time(match)
        if time is None and match["time"] != _NIL:
            return Fault(line=number, reason=f"no such time: {match['time']}")
        return Record(
            line=number,
            time=time,
            level=_level(priority),
            message=(match["message"] or "").removeprefix("\N{BYTE ORDER MARK}"),
            fields=_fields(match),
        )

    def _time(self, match: re.Match[str]) -> datetime | None:
        if match.re is _OLD and match["month"]:
            return self._time_without_year(match)
        return from_iso(match["time"])

    def _time_without_year(self, match: re.Match[str]) -> datetime | None:
        month, day = MONTHS.get(match["month"], 0), int(match["day"])
        clock = (int(match["hour"]), int(match["minute"]), int(match["second"]))
        # 29 February may be eight years back: 2100 will not be a leap year.
        for year in range(self._latest.year, self._latest.year - 9, -1):
            time = in_utc((year, month, day), clock)
            if time is not None and time <= self._latest:
                return time
        return None


def _level(priority: str | None) -> Level:
    return "unknown" if priority is None else from_severity(int(priority) % 8)


def _fields(match: re.Match[str]) -> dict[str, str]:
    groups = match.groupdict()
    fields = {
        name: value
        for name in ("host", "app", "process", "kind")
        if (value := groups.get(name)) is not None and value != _NIL
    }
    for element, parameters in _ELEMENT.findall(groups.get("data") or ""):
        for name, value in _PARAMETER.findall(parameters):
            fields[f"{element}.{name}"] = _ESCAPED.sub(r"\1", value)
    return fields


def _now() -> datetime:
    return datetime.now(UTC)


if TYPE_CHECKING:
    _keeps_contract: Parser = Syslog()

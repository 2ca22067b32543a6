"""The access logs of Apache and nginx.

The formats are Apache's `common` and `combined`
(https://httpd.apache.org/docs/current/mod/mod_log_config.html); nginx's predefined `combined` is the same.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, BinaryIO, Final

from logscan.contract import Fault, Record
from logscan.times import MONTHS, in_utc

from logscan_text._lines import parse_each, share_of_records

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from logscan.contract import Level, Parser

_LINE: Final = re.compile(
    r"""
    (?P<remote> \S+ ) [ ] (?P<identity> \S+ ) [ ] (?P<user> \S+ ) [ ]
    \[ (?P<time> [^\]]* ) \] [ ]
    " (?P<request> (?: [^"\\] | \\. )* ) " [ ]
    (?P<status> [1-5]\d\d ) [ ] (?P<bytes> \d+ | - )
    (?:
        [ ] " (?P<referer> (?: [^"\\] | \\. )* ) "
        [ ] " (?P<agent> (?: [^"\\] | \\. )* ) "
    )?
    """,
    re.VERBOSE | re.ASCII,
)
_TIME: Final = re.compile(
    r"(\d\d)/([A-Z][a-z]{2})/(\d{4}):(\d\d):(\d\d):(\d\d) ([+-]\d{4})",
    re.ASCII,
)
_REQUEST: Final = re.compile(r"(?P<method>[A-Z]+) (?P<target>\S+)(?: HTTP/[\d.]+)?", re.ASCII)


class Combined:
    """Access logs of Apache and nginx.

    Both the combined and the common format are read. The level comes from the status: 5xx is an error, 4xx a
    warning, all else info. The message is the method, the path without its query, and the status; a request
    that is not HTTP is shown as it was logged.
    """

    name = "combined"

    def sniff(self, head: bytes) -> float:
        """Return the share of access log lines among the first lines."""
        return share_of_records(head, _read)

    def parse(self, stream: BinaryIO) -> Iterator[Record | Fault]:
        """Yield one record, or one fault, for every line that is not blank."""
        return parse_each(stream, _read)


def _read(number: int, text: str) -> Record | Fault:
    match = _LINE.fullmatch(text)
    if match is None:
        return Fault(line=number, reason="neither the combined nor the common format")
    time = _time(match["time"])
    if time is None:
        return Fault(line=number, reason=f"no such time: {match['time']}")
    return Record(
        line=number,
        time=time,
        level=_level(match["status"]),
        message=f"{_request(match['request'])} {match['status']}",
        fields={name: value for name, value in match.groupdict().items() if name != "time" and _is_given(value)},
    )


def _is_given(value: str | None) -> bool:
    """Return whether the server logged a value; it writes "-" if it has none."""
    return value not in {None, "", "-"}


def _time(text: str) -> datetime | None:
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    day, month, year, hour, minute, second, offset = match.groups()
    return in_utc(
        (int(year), MONTHS.get(month, 0), int(day)),
        (int(hour), int(minute), int(second)),
        offset=offset,
    )


def _level(status: str) -> Level:
    return "error" if status[0] == "5" else "warning" if status[0] == "4" else "info"


def _request(text: str) -> str:
    match = _REQUEST.fullmatch(text)
    if match is None:
        return text
    return f"{match['method']} {match['target'].partition('?')[0]}"


if TYPE_CHECKING:
    _keeps_contract: Parser = Combined()

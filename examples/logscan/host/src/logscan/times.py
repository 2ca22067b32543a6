"""Times as logs write them: RFC 3339 and its looser relatives, and numbers since 1970.

Everything comes back as an aware time in UTC, or as None if it is not a time; nothing raises.

`datetime.strptime` is not used: it is slow, and reads the names of months as the locale has them. Neither is
`datetime.fromisoformat`, which rejects "Z" before Python 3.11.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import Final

UTC: Final = timezone.utc  # noqa: UP017  # Python 3.10 has no datetime.UTC

MONTHS: Final = {
    name: number
    for number, name in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), 1
    )
}
"""The English abbreviations that syslog and web servers write, whatever the locale."""

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""What computers count from."""

_ISO: Final = re.compile(
    r"""
    (\d{4}) - (\d\d) - (\d\d)
    [Tt ] (\d\d) : (\d\d) (?: : (\d\d) (?: [.,] (\d{1,9}) )? )?
    [ ]? ( [Zz] | [+-]\d\d (?: :?\d\d )? )?
    """,
    re.VERBOSE | re.ASCII,
)
_SECONDS: Final = re.compile(r"\d{9,19}(?:\.\d{1,9})?", re.ASCII)


def parse_time(value: object) -> datetime | None:
    """Read a time in any notation of this module; True and False are not numbers here."""
    if isinstance(value, str):
        text = value.strip()
        if _SECONDS.fullmatch(text):
            return from_epoch(float(text) if "." in text else int(text))
        return from_iso(text)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return from_epoch(value)
    return None


def from_iso(text: str) -> datetime | None:
    """Read a date and a time of day, as in RFC 3339; without an offset it is taken to be in UTC."""
    match = _ISO.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, offset = match.groups()
    return in_utc(
        (int(year), int(month), int(day)),
        (int(hour), int(minute), int(second or 0)),
        microsecond=int((fraction or "0").ljust(9, "0")[:6]),
        offset=offset or "Z",
    )


def from_epoch(number: float) -> datetime | None:
    """Read a time since 1970 in seconds, milliseconds, microseconds or nanoseconds.

    The size of the number decides the unit: the numbers for the years 1973 to 5138 differ in every unit.
    """
    size = abs(number)
    per_second = 1 if size < 1e11 else 1_000 if size < 1e14 else 1_000_000 if size < 1e17 else 1_000_000_000
    try:
        if isinstance(number, int):
            return EPOCH + timedelta(microseconds=number * 1_000_000 // per_second)
        return EPOCH + timedelta(seconds=number / per_second)
    except (OverflowError, ValueError):  # beyond the year 9999; infinite; not a number
        return None


def from_seconds(seconds: int, *, nanoseconds: int = 0) -> datetime | None:
    """Read a time since 1970 in a known unit; anything finer than a microsecond is cut off."""
    try:
        return EPOCH + timedelta(seconds=seconds, microseconds=nanoseconds // 1000)
    except OverflowError:
        return None


def in_utc(
    date: tuple[int, int, int], clock: tuple[int, int, int], *, microsecond: int = 0, offset: str = "Z"
) -> datetime | None:
    """Put a time together from (year, month, day), (hour, minute, second) and an offset.

    The offset is "Z", "+hh", "+hhmm" or "+hh:mm". Second 60, a leap second, is taken to be second 59.
    """
    hour, minute, second = clock
    try:
        local = datetime(*date, hour, minute, 59 if second == 60 else second, microsecond, tzinfo=UTC)
        return local if offset in {"Z", "z"} else local - _offset(offset)
    except (OverflowError, ValueError):  # no such day or hour; before the year 1 or beyond 9999
        return None


def _offset(text: str) -> timedelta:
    digits = text[1:].replace(":", "").ljust(4, "0")
    size = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return -size if text[0] == "-" else size

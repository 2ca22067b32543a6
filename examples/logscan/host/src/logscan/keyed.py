"""Makes records from names and values, for the parsers of formats whose entries consist of these.

Names are compared without regard to case.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from logscan.contract import Record
from logscan.levels import parse_level
from logscan.times import parse_time

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from logscan.contract import Level

TIME_KEYS: Final = ("@timestamp", "timestamp", "time", "ts", "datetime", "date")
LEVEL_KEYS: Final = ("level", "lvl", "severity", "levelname", "loglevel", "log.level")
MESSAGE_KEYS: Final = ("message", "msg", "event", "short_message")
"""The names under which logs keep their time, level and message, the likeliest first."""


def to_record(values: Mapping[str, object], *, line: int) -> Record:
    """Make a record of one entry.

    The first name with a readable time gives the time, and so on; every other value becomes a field, even a
    time or a level that cannot be read. Values that are not text are written as JSON.
    """
    names = {name.lower(): name for name in values}
    used = set()
    time: datetime | None = None
    for name in _present(TIME_KEYS, names):
        if (time := parse_time(values[name])) is not None:
            used.add(name)
            break
    level: Level = "unknown"
    for name in _present(LEVEL_KEYS, names):
        if (level := parse_level(values[name])) != "unknown":
            used.add(name)
            break
    message = ""
    for name in _present(MESSAGE_KEYS, names):
        if message := _text(values[name]):
            used.add(name)
            break
    fields = {name: _text(value) for name, value in values.items() if name not in used}
    return Record(line=line, time=time, level=level, message=message, fields=fields)


def _present(keys: tuple[str, ...], names: Mapping[str, str]) -> list[str]:
    return [names[key] for key in keys if key in names]


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False, separators=(",", ":"))

"""The report about one file, made in one pass and in bounded memory."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from logscan.contract import LEVELS, Fault
from logscan.grouping import FrequentItems, template
from logscan.timeline import Timeline

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from logscan.contract import Level, Record
    from logscan.timeline import Histogram

MAX_TOP: Final = 100
MAX_FAULTS: Final = 20
"""How many faults are kept; all are counted."""

MAX_INTERVALS: Final = 60
"""How many intervals the histogram over time has at most."""

_ERRORS: Final = frozenset({"critical", "error"})
_MESSAGE_CAPACITY: Final = 20 * MAX_TOP
_FIELD_CAPACITY: Final = 200
_MAX_FIELDS: Final = 20
_MAX_NAME: Final = 80
_MAX_REASON: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class TopMessage:
    """A group of similar messages of one level."""

    count: int
    level: Level
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The content of a file. `format` is None for an empty file if no format was given; times are in UTC."""

    file: str
    format: str | None
    records: int
    levels: Mapping[Level, int]
    first: datetime | None
    last: datetime | None
    fields: Mapping[str, int]
    top_messages: tuple[TopMessage, ...]
    undercount: int
    histogram: Histogram | None
    fault_count: int
    faults: tuple[Fault, ...]

    def as_json(self) -> dict[str, object]:
        """Return the report as data for `json`; keys and their order are part of the command's interface."""
        return {
            "file": self.file,
            "format": self.format,
            "records": self.records,
            "levels": dict(self.levels),
            "time": {"first": _iso(self.first), "last": _iso(self.last)},
            "fields": dict(self.fields),
            "messages": {
                "top": [{"count": top.count, "level": top.level, "message": top.message} for top in self.top_messages],
                "undercount": self.undercount,
            },
            "timeline": None if self.histogram is None else _histogram_as_json(self.histogram),
            "faults": {"count": self.fault_count, "first": [_fault_as_json(fault) for fault in self.faults]},
        }


def summarise(items: Iterable[Record | Fault], *, file: str, format_name: str | None, top: int) -> Report:
    """Read `items` to their end; the report names the `top` most frequent messages."""
    levels: Counter[Level] = Counter()
    fields: FrequentItems[str] = FrequentItems(_FIELD_CAPACITY)
    messages: FrequentItems[tuple[Level, str]] = FrequentItems(_MESSAGE_CAPACITY)
    first: datetime | None = None
    last: datetime | None = None
    timeline = Timeline()
    faults: list[Fault] = []
    fault_count = 0
    for item in items:
        if isinstance(item, Fault):
            fault_count += 1
            if len(faults) < MAX_FAULTS:
                faults.append(replace(item, reason=item.reason[:_MAX_REASON]))
            continue
        levels[item.level] += 1
        messages.add((item.level, template(item.message)))
        for name in item.fields:
            fields.add(name[:_MAX_NAME])
        if item.time is not None:
            first = item.time if first is None else min(first, item.time)
            last = item.time if last is None else max(last, item.time)
            timeline.add(item.time, is_error=item.level in _ERRORS)
    return Report(
        file=file,
        format=format_name,
        records=levels.total(),
        levels={level: levels[level] for level in LEVELS},
        first=first,
        last=last,
        fields=dict(fields.most_common(_MAX_FIELDS)),
        top_messages=tuple(
            TopMessage(count=count, level=level, message=message)
            for (level, message), count in messages.most_common(top)
        ),
        undercount=messages.undercount,
        histogram=timeline.histogram(MAX_INTERVALS),
        fault_count=fault_count,
        faults=tuple(faults),
    )


def _histogram_as_json(histogram: Histogram) -> dict[str, object]:
    return {
        "start": _iso(histogram.start),
        "seconds": histogram.width,
        "records": list(histogram.counts),
        "errors": list(histogram.errors),
    }


def _fault_as_json(fault: Fault) -> dict[str, object]:
    place = {"line": fault.line} if fault.line is not None else {"offset": fault.offset}
    return {**place, "reason": fault.reason}


def _iso(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat().replace("+00:00", "Z")

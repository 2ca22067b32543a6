"""Counts records over time, in one pass, in bounded memory and in any order of time.

Records are counted in intervals of one second. When there are too many intervals, they are made longer, by a
step of `WIDTHS`; every width is a multiple of the one before, so that counts are only ever added up.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from logscan.times import EPOCH, UTC

_MINUTE, _HOUR, _DAY, _WEEK = 60, 3600, 86400, 604800
WIDTHS: Final = (
    *(1, 5, 10, 30),
    *(_MINUTE, 5 * _MINUTE, 10 * _MINUTE, 30 * _MINUTE),
    *(_HOUR, 2 * _HOUR, 4 * _HOUR, 12 * _HOUR),
    *(_DAY, _WEEK, 4 * _WEEK, 52 * _WEEK, 520 * _WEEK, 5200 * _WEEK, 520_000 * _WEEK),
)
"""The widths that an interval can have, in seconds. The last is longer than all the years of `datetime`."""

_CAPACITY: Final = 4096
_EARLIEST: Final = (datetime.min.replace(tzinfo=UTC) - EPOCH) // timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """Counts in intervals of `width` seconds that follow each other from `start`: of all records, and of errors."""

    start: datetime
    width: int
    counts: tuple[int, ...]
    errors: tuple[int, ...]

    @property
    def end(self) -> datetime:
        """When the last interval begins."""
        return self.start + timedelta(seconds=self.width * (len(self.counts) - 1))


class Timeline:
    """Counts records by time."""

    def __init__(self) -> None:
        self._step = 0
        self._counts: Counter[int] = Counter()
        self._errors: Counter[int] = Counter()

    def add(self, time: datetime, *, is_error: bool) -> None:
        """Count one record."""
        interval = int(time.timestamp() // WIDTHS[self._step])
        self._counts[interval] += 1
        if is_error:
            self._errors[interval] += 1
        if len(self._counts) > _CAPACITY:
            factor = WIDTHS[self._step + 1] // WIDTHS[self._step]
            self._step += 1
            self._counts = _merged(self._counts, factor)
            self._errors = _merged(self._errors, factor)

    def histogram(self, limit: int) -> Histogram | None:
        """Return the counts in the shortest intervals for which `limit` is enough; None if nothing was counted.

        The limit must be at least 2, because no interval, however long, contains both sides of 1970.
        """
        if not self._counts:
            return None
        own, first, last = WIDTHS[self._step], min(self._counts), max(self._counts)
        factors = (width // own for width in WIDTHS[self._step :])
        factor = next(factor for factor in factors if last // factor - first // factor < limit)
        counts, errors = _merged(self._counts, factor), _merged(self._errors, factor)
        intervals = range(first // factor, last // factor + 1)
        # The first interval may begin before the year 1, which `datetime` does not have.
        start = max(intervals[0] * own * factor, _EARLIEST)
        return Histogram(
            start=EPOCH + timedelta(seconds=start),
            width=own * factor,
            counts=tuple(counts[interval] for interval in intervals),
            errors=tuple(errors[interval] for interval in intervals),
        )


def _merged(counts: Counter[int], factor: int) -> Counter[int]:
    """Add up the counts of every `factor` intervals."""
    merged: Counter[int] = Counter()
    for interval, count in counts.items():
        merged[interval // factor] += count
    return merged

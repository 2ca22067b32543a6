"""How often each client may ask: a bucket of tokens for each, refilled evenly."""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass, field

_MOST_CLIENTS = 20_000  # that are remembered


@dataclass
class Rates:
    """Counts what clients ask for; used by one thread."""

    _left: OrderedDict[tuple[str, str], tuple[float, float]] = field(default_factory=OrderedDict)

    def take(self, kind: str, client: str, per_minute: int) -> float:
        """Take one of so many per minute; returns 0, or the seconds until there is one again."""
        now = time.monotonic()
        left, seen = self._left.pop((kind, client), (float(per_minute), now))
        left = min(float(per_minute), left + (now - seen) * per_minute / 60)
        enough = left >= 1
        self._left[kind, client] = (left - 1 if enough else left, now)
        if len(self._left) > _MOST_CLIENTS:
            self._left.popitem(last=False)
        return 0.0 if enough else (1 - left) * 60 / per_minute

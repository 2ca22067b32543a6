"""Groups messages that differ only in their details, and counts the groups in bounded memory."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Hashable

MAX_MESSAGE: Final = 500
"""How many characters of a message count."""

# The order matters: of two alternatives that begin at the same place the first wins.
_DETAIL: Final = re.compile(
    r"""
    (?P<text> "(?:[^"\\]|\\.)*" | (?<!\w)'[^']*'(?!\w) | `[^`]*` )
  | (?P<uuid> \b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b )
  | (?P<time> \b\d{4}-\d\d-\d\d (?: [T ]\d\d:\d\d (?: :\d\d(?:[.,]\d+)? )? (?: Z|[+-]\d\d:?\d\d )? )?
            | \b\d\d:\d\d:\d\d (?: [.,]\d+ )? \b (?! : ) )
  | (?P<hex> \b0x[0-9a-f]+\b
           | \b(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}\b
           | \b(?:[0-9a-f]{16}|[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64})\b
           | \b(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{8,}\b )
  | (?P<ip> (?<![\w.]) (?:\d{1,3}\.){3}\d{1,3} (?![\w.]*\w) (?: :\d{1,5}\b )?
          | (?<![\w:.]) (?=[0-9a-f]*:[0-9a-f]*:) (?=[a-f:]*\d) [0-9a-f:]{3,39} (?![\w:]) )
  | (?P<n> (?<! EventID[ ] ) (?<! \d ) \d+ (?: \.\d+ )* )
    """,
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)
_REQUEST: Final = re.compile(r"([A-Z]+ \S+ )([1-5]\d\d)", re.ASCII)


def template(message: str) -> str:
    """Return `message` with its details replaced by placeholders.

    They are `<text>` (which was quoted), `<uuid>`, `<time>`, `<hex>`, `<ip>` and `<n>`. White space is
    collapsed and a long message is cut off, so that templates are also short. The status of an HTTP request
    stays, because it says how the request went, and so does the number after "EventID", because it says what
    happened.

    >>> template("user 'ann' logged in from 10.0.0.7:5122 after 0.35 s")
    'user <text> logged in from <ip> after <n> s'
    >>> template("GET /items/17 404")
    'GET /items/<n> 404'
    """
    return _template(message[:MAX_MESSAGE])


@lru_cache(maxsize=4096)
def _template(message: str) -> str:
    text = " ".join(message.split())
    if request := _REQUEST.fullmatch(text):
        return _without_details(request[1]) + request[2]
    return _without_details(text)


def _without_details(text: str) -> str:
    return _DETAIL.sub(lambda match: f"<{match.lastgroup}>", text)


Item = TypeVar("Item", bound="Hashable")


class FrequentItems(Generic[Item]):
    """Counts a stream of items while it remembers no more than `capacity` of them.

    This is the algorithm of Misra and Gries (1982). Up to `capacity` different items the counts are exact.
    Beyond that, a count may be too low, by no more than `undercount`, which is at most the number of items
    divided by `capacity`; so no item that makes up a larger share of the stream is ever missed.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._counts: dict[Item, int] = {}
        self._undercount = 0

    @property
    def undercount(self) -> int:
        """How much too low a count is at most."""
        return self._undercount

    def add(self, item: Item) -> None:
        """Count one more of `item`."""
        if item in self._counts:
            self._counts[item] += 1
        elif len(self._counts) < self._capacity:
            self._counts[item] = 1
        else:
            # Every count is reduced by one. The additions before it were at least as many as its steps, so the
            # average is O(1).
            self._undercount += 1
            self._counts = {known: count - 1 for known, count in self._counts.items() if count > 1}

    def most_common(self, limit: int) -> list[tuple[Item, int]]:
        """Return the most frequent items and their counts; of equals, the one that was seen first."""
        return sorted(self._counts.items(), key=lambda pair: -pair[1])[:limit]

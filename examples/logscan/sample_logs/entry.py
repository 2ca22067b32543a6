"""The entries that the generators of logs yield."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sample_logs.chance import Chance

FRAME: Final = "frame"
BAD: Final = "bad"


class Entry(NamedTuple):
    """One entry as it is in the file, and its level; or `FRAME` for text around entries, or `BAD`.

    The fault of a bad entry is `fault_at` lines below its first line.
    """

    content: str | bytes
    level: str
    fault_at: int = 0


def spoiled(
    chance: Chance,
    count: int,
    good: Callable[[Chance], Entry],
    spoil: Sequence[Callable[[Entry], Entry]],
    *,
    every: int = 50,
) -> Iterator[Entry]:
    """Yield `count` good entries, but spoil one in `every`, in each of the ways in turn."""
    for number in range(1, count + 1):
        entry = good(chance)
        yield spoil[number // every % len(spoil)](entry) if number % every == 0 else entry

"""Narrow down where a sequence changes from good to bad, although some of its members cannot be tried."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from onebin.bisect.results import Verdict


def narrow(good: int, bad: int, verdict: Callable[[int], Verdict]) -> tuple[int, int]:
    """Return the last good and the first bad number between two that are known; those between cannot be tried.

    `verdict` is asked once about a number. It is asked about the middle of the longest range that nothing is known
    about, so that a whole range that cannot be tried takes few questions.
    """
    skipped: set[int] = set()
    while ranges := _unknown(good, bad, skipped):
        longest = max(ranges, key=lambda each: (len(each), each.start))
        middle = longest[len(longest) // 2]
        match verdict(middle):
            case "good":
                good = middle
            case "bad":
                bad = middle
            case "skip":
                skipped.add(middle)
    return good, bad


def _unknown(good: int, bad: int, skipped: set[int]) -> list[range]:
    """Return the ranges of numbers that were not asked about."""
    ends = [good, *sorted(each for each in skipped if good < each < bad), bad]
    between = (range(start + 1, end) for start, end in pairwise(ends))
    return [each for each in between if each]

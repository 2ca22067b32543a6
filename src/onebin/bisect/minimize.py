"""Minimise a set that fails, by the algorithm ddmin.

Zeller and Hildebrandt: Simplifying and Isolating Failure-Inducing Input. IEEE Transactions on Software Engineering
28(2), 2002.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

T = TypeVar("T")


def minimize(items: Sequence[T], fails: Callable[[tuple[T, ...]], bool]) -> tuple[T, ...]:
    """Return a part of the items that fails, but does not fail without any one of them (it is 1-minimal).

    All items together must fail, and none of them must not. What can be tried neither way does not fail. The items keep
    their order. A part may be asked about more than once.
    """
    left, parts = tuple(items), 2
    while len(left) > 1:
        pieces = list(_split(left, parts))
        rests = [tuple(item for item in left if item not in piece) for piece in pieces] if parts > 2 else []
        if (piece := next(filter(fails, pieces), None)) is not None:
            left, parts = piece, 2
        elif (rest := next(filter(fails, rests), None)) is not None:
            left, parts = rest, max(parts - 1, 2)
        elif parts < len(left):
            parts = min(2 * parts, len(left))
        else:
            break
    return left


def _split(items: tuple[T, ...], parts: int) -> Iterator[tuple[T, ...]]:
    """Yield the items in this many pieces of about the same size; there are at least as many items as parts."""
    for number in range(parts):
        yield items[len(items) * number // parts : len(items) * (number + 1) // parts]

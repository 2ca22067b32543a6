"""Pseudo-random choices that depend only on a seed."""

from __future__ import annotations

import random
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

USERS: Final = ("ann", "björn", "carla", "dmitri", "eve", "fatima")
_START: Final = datetime(2024, 5, 6, 8, 0, tzinfo=timezone.utc)  # noqa: UP017  # 3.10 has no datetime.UTC
_NETWORKS: Final = ("192.0.2", "198.51.100", "203.0.113")  # set aside for documentation by RFC 5737

Item = TypeVar("Item")


class Chance:
    """Choices that follow from the seed alone.

    Of the methods of `random.Random` only `random` is used: its results are the same in every Python.
    """

    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed)  # noqa: S311  # chance, not secrecy
        self._time = _START

    def below(self, limit: int) -> int:
        """Return a number from 0 to `limit` - 1."""
        return int(self._random.random() * limit)

    def one_of(self, items: Sequence[Item]) -> Item:
        """Return any of `items`."""
        return items[self.below(len(items))]

    def weighted(self, weights: Mapping[Item, int]) -> Item:
        """Return a key of `weights`, chosen with its weight."""
        number = self.below(sum(weights.values()))
        for item, weight in weights.items():
            number -= weight
            if number < 0:
                return item
        raise AssertionError("the weights are more than their sum")

    def address(self) -> str:
        """Return an IPv4 address."""
        return f"{self.one_of(_NETWORKS)}.{1 + self.below(254)}"

    def hexadecimal(self, digits: int) -> str:
        """Return the given number of hexadecimal digits."""
        return "".join(f"{self.below(16):x}" for _ in range(digits))

    def next_time(self) -> datetime:
        """Return a time up to four seconds after the one before."""
        self._time += timedelta(milliseconds=1 + self.below(4000))
        return self._time

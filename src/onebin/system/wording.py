"""Wording for messages: counts, choices, and suggestions for misspelled names."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


_MEGABYTES_FROM = 100_000


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """Return "; did you mean 'x'?" for the most similar known name, or an empty string."""
    near = difflib.get_close_matches(wrong, list(known), 1, cutoff=0.7)
    return f"; did you mean {near[0]!r}?" if near else ""


def count(number: int, word: str) -> str:
    """Return "1 plugin", "2 plugins"."""
    return f"{number} {word}{'' if number == 1 else 's'}"


def megabytes(size: int) -> str:
    """Return a number of bytes as "13.0 MB", or as "13.0 kB" if it is much smaller."""
    return f"{size / 1e6:.1f} MB" if size >= _MEGABYTES_FROM else f"{size / 1e3:.1f} kB"


def either(keys: Sequence[str]) -> str:
    """Write keys as a choice: `a`, `b` or `c`."""
    *most, last = [f"`{key}`" for key in keys]
    return f"{', '.join(most)} or {last}" if most else last


def similar(key: str, known: Iterable[str]) -> str | None:
    """Return the known name that `key` was probably meant to be, or None."""
    return next(iter(difflib.get_close_matches(key.lower().replace("_", "-"), known, n=1)), None)

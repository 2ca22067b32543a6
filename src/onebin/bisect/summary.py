"""The words of the line that sums a search up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onebin import __version__
from onebin.system import count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onebin.bisect.trials import Trials


def listed(names: Sequence[str], word: str = "and") -> str:
    """Return names as "a, b and c"."""
    *most, last = names
    return f"{', '.join(most)} {word} {last}" if most else last


def ending(tried: Trials, host: str, python: str) -> str:
    """Return how many trials there were, and with what."""
    return f"{count(len(tried.done), 'trial')}, {host}, Python {python}, onebin {__version__}"

"""Waiting for events in other processes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from .processes import Running


def wait_until(
    condition: Callable[[], bool], *, what: str, seconds: float = 180, running: Running | None = None
) -> None:
    """Wait until a condition holds; fail after `seconds`, or if a running program ends first."""
    deadline = time.monotonic() + seconds
    while not condition():
        over = running is not None and running.is_over() and not condition()
        said = running.said() if running is not None else ""
        assert not over, f"the program ended before {what}:\n{said}"
        assert time.monotonic() < deadline, f"timeout of {seconds:g} s: {what}:\n{said}"
        time.sleep(0.02)

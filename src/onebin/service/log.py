"""The operator's log, which is standard error. That nobody can read it now does not end what is logged."""

from __future__ import annotations

import sys
from contextlib import suppress


def log(text: str) -> None:
    """Write a line to the operator's log, unless its disk is full, or who read it has gone."""
    with suppress(OSError, ValueError):
        print(text, file=sys.stderr, flush=True)  # noqa: T201  # the operator's log

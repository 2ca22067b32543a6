"""Report on standard error where time goes, if ONEBIN_TRACE is 1.

Each line is `onebin: MILLISECONDS ms  WHAT`.
"""

from __future__ import annotations

import os
import sys
from time import perf_counter

VARIABLE = "ONEBIN_TRACE"


def now() -> float:
    """Return the current time in seconds, to pass to `trace` later."""
    return perf_counter()


def trace(what: str, since: float) -> None:
    """Write a line about what took the time since `since`, if tracing is on."""
    if os.environ.get(VARIABLE) == "1" and sys.stderr is not None:
        sys.stderr.write(f"onebin: {(now() - since) * 1000:9.2f} ms  {what}\n")

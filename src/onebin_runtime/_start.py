"""What a bundle does before the host's first line."""

from __future__ import annotations

import os
import sys

from onebin_runtime._privileged import is_privileged
from onebin_runtime._trace import now, trace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from onebin_runtime._registry import Registry

SELF_TEST_VARIABLE = "ONEBIN_SELF_TEST"


def start(registry: Callable[[], Registry], *, plugins_at_start: bool, side_cars: bool = False) -> None:
    """Answer a self-test, or prepare eager and isolated plugins.

    `plugins_at_start` says that there are any; they need the registry before the host starts. `side_cars` says that the
    program takes plugins from files beside it. Raises SystemExit after a self-test, and what importing an eager plugin
    raises.
    """
    begun = now()
    if os.environ.get(SELF_TEST_VARIABLE) and not is_privileged():
        from onebin_runtime._probe import main

        sys.exit(main(registry()))
    if side_cars:
        from onebin_runtime.side_cars import prepare

        prepare(registry())
    if plugins_at_start or side_cars:
        registry().isolate()  # before anything can import a plugin
        trace("prepared for the host", begun)
        registry().open_eager()

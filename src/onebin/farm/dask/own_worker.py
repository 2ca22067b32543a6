"""What each worker on loopback that onebin starts by itself does first (a preload of Dask).

Ctrl-C at a terminal reaches it, too: the client, which stops its builds, answers that, and what a worker has to say of
it would only be in the way.
"""

from __future__ import annotations

import logging
import signal


def dask_setup(worker: object) -> None:  # noqa: ARG001  # the form of every preload
    """Leave interrupts and messages to the client."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.getLogger("distributed").setLevel(logging.CRITICAL)

"""End with the process that started this one."""

from __future__ import annotations

import _thread
import signal
import sys
import threading
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from types import FrameType


def stop_with_parent() -> None:
    """Stop this process like after Ctrl-C as soon as its standard input ends, or it gets SIGTERM."""
    signal.signal(signal.SIGTERM, _interrupt)
    threading.Thread(target=_stop_at_end, daemon=True).start()


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _stop_at_end() -> None:
    sys.stdin.read()
    if sys.platform == "win32":
        _thread.interrupt_main(signal.SIGTERM)
    else:  # the main thread itself gets it, so that it does not go on waiting
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)

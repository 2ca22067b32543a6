"""What a step is doing at the moment: told by whoever does it, heard by whoever shows it.

Like logging, it needs no parameter on the way: a listener hears what its own thread tells, and nothing is told if
nobody listens. It has no effect on what is built.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass(frozen=True, kw_only=True)
class Activity:
    """What is being done, such as "downloading numpy"; how far it is, in bytes, if that is known; whether it waits."""

    doing: str
    done: int | None = None
    total: int | None = None
    is_waiting: bool = False


_listener: ContextVar[Callable[[Activity], None] | None] = ContextVar("onebin_activity", default=None)


@contextmanager
def listening(listener: Callable[[Activity], None]) -> Iterator[None]:
    """Send every activity of the block to a listener."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def tell(doing: str, *, done: int | None = None, total: int | None = None, is_waiting: bool = False) -> None:
    """Tell what is being done, and how far it is."""
    listener = _listener.get()
    if listener is not None:
        listener(Activity(doing=doing, done=done, total=total, is_waiting=is_waiting))

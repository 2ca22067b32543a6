"""Tell streams of events that a build has changed: from the threads that change it to the loop that sends."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class News:
    """Wakes those who listen for a build, and all of them when the service stops."""

    is_stopping: bool = False
    _loop: asyncio.AbstractEventLoop | None = None
    _listeners: dict[str, set[asyncio.Event]] = field(default_factory=lambda: defaultdict(set))

    def begin(self) -> None:
        """Remember the loop that sends."""
        self._loop = asyncio.get_running_loop()

    def tell(self, build: str) -> None:
        """Say that a build has changed; from any thread."""
        self._call(lambda: self._wake(self._listeners.get(build, ())))

    def stop(self) -> None:
        """End all streams; from any thread."""
        self.is_stopping = True
        self._call(lambda: self._wake(each for events in self._listeners.values() for each in events))

    @property
    def listeners(self) -> int:
        """How many streams are open."""
        return sum(map(len, self._listeners.values()))

    @contextmanager
    def of(self, build: str) -> Iterator[asyncio.Event]:
        """Provide an event that is set whenever a build has changed."""
        event = asyncio.Event()
        self._listeners[build].add(event)
        try:
            yield event
        finally:
            self._listeners[build].discard(event)
            if not self._listeners[build]:
                del self._listeners[build]

    def _call(self, function: object) -> None:
        with suppress(RuntimeError):  # the loop has ended
            if self._loop is not None:
                self._loop.call_soon_threadsafe(function)  # type: ignore[arg-type]  # always a lambda without arguments

    @staticmethod
    def _wake(events: object) -> None:
        for event in list(events):  # type: ignore[call-overload]  # of events
            event.set()

"""Ask a service for a build, and follow it to its end: whatever happens on the way, it is asked for only once."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from onebin.client.wire import BuildAnswer, LogAnswer, Lost, failure, messages, parsed
from onebin.errors import OnebinError
from onebin.pipeline import Detail, step
from onebin.system import count, tell

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onebin.client.wire import Connection
    from onebin.pipeline import Events

_OVER = frozenset({"done", "failed", "cancelled"})
_GOODBYE_SECONDS = 3.0
_PAUSE = 1.0  # seconds


def submit(connection: Connection, order: Mapping[str, Any]) -> BuildAnswer:
    """Ask for a build; raises CatalogueError for what is not on offer, and ServiceError."""
    url, data = connection.address.at("builds"), json.dumps(order).encode()
    return parsed(BuildAnswer, connection.ask(url, method="POST", data=data).content, connection.address)


def follow(connection: Connection, build: BuildAnswer, events: Events) -> BuildAnswer:
    """Return a build that is done, after waiting for it; raises ServiceError if it failed.

    If the wait ends in any other way, such as Ctrl-C, the service is told that nobody waits here any more.
    """
    if build["state"] in _OVER:
        return _done(build, connection)
    with step(events, "build") as outcome:
        try:
            build = _Following(connection, build, events).to_the_end()
        except BaseException:
            _withdraw(connection, build)
            raise
        outcome.text = f"done: {connection.address}/builds/{build['id']}"
        return _done(build, connection)


def _done(build: BuildAnswer, connection: Connection) -> BuildAnswer:
    if build["state"] != "done":
        raise failure(build, connection.address)
    return build


def _withdraw(connection: Connection, build: BuildAnswer) -> None:
    with suppress(OnebinError, Lost):
        connection.tell_once(_url(connection, build), method="DELETE", seconds=_GOODBYE_SECONDS)


def _url(connection: Connection, build: BuildAnswer) -> str:
    return connection.address.at(f"builds/{build['id']}")


class _Following:
    """How far a build is, and how much of its log was shown."""

    def __init__(self, connection: Connection, build: BuildAnswer, events: Events) -> None:
        self._connection, self._events = connection, events
        self._build, self._url = build, _url(connection, build)
        self._seen: str | None = None
        self._told = ""

    def to_the_end(self) -> BuildAnswer:
        """Return the build when it is over; a stream that breaks is resumed where it was."""
        self._tell()
        while self._build["state"] not in _OVER:
            started = time.monotonic()
            self._connection.patiently(self._read)
            if self._build["state"] not in _OVER:  # the stream was cut: not again at once
                time.sleep(max(0.0, _PAUSE - (time.monotonic() - started)))
        return self._build

    def _read(self) -> None:
        """Read a stream until the build is over; raises Lost if the stream ends before."""
        headers = {"Accept": "text/event-stream", **({"Last-Event-ID": self._seen} if self._seen else {})}
        with self._connection.opened(f"{self._url}/events", headers=headers) as response:
            for message in messages(response, self._connection.address, self._connection.hear):
                self._seen = message.number or self._seen
                if message.kind == "log":
                    text = parsed(LogAnswer, message.data, self._connection.address)["text"]
                    self._events(Detail(text=text))
                elif message.kind == "state":
                    self._build = parsed(BuildAnswer, message.data, self._connection.address)
                    self._tell()
                elif message.kind == "end":
                    break
        # Also after the end of a stream that a proxy cut, or that was lost before its last message.
        self._build = parsed(BuildAnswer, self._connection.ask(self._url).content, self._connection.address)
        self._tell()

    def _tell(self) -> None:
        """Tell what is done now; that it waits, only when that changes."""
        build, position = self._build, self._build.get("position")
        if build["state"] == "queued":
            before = f": {count(position, 'build')} before it" if position else ""
            text, is_waiting = f"waiting in the queue{before}", True
        else:
            text, is_waiting = ": ".join(filter(None, [build.get("step"), build.get("doing")])), False
        if text and text != self._told:
            self._told = text
            tell(text, is_waiting=is_waiting)

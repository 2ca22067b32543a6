"""The events of a build as they come (Server-Sent Events, WHATWG HTML 9.2): its state, and the lines of its log."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from onebin.service.web.answers import described, problem
from onebin.service.web.context import service_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request
    from starlette.responses import Response

    from onebin.service.jobs import Build, BuildEvent
    from onebin.service.web.context import Service

_MOST_STREAMS = 2000
_MOST_LINES = 100  # that wait in memory for one client, which may be slow
_QUIET_SECONDS = 15.0  # after which a comment says that the stream is alive
_PAUSE_SECONDS = 0.2  # between two answers, in which changes are gathered


async def stream(request: Request) -> Response:
    """Send the events of a build until it ends; `Last-Event-ID` says which lines of the log are known."""
    service, build = service_of(request), request.path_params["build"]
    if await run_in_threadpool(service.ledger.build, build) is None:
        return problem(request, 404, "there is no such build, or it was long ago", "ask for it again")
    if service.news.listeners >= _MOST_STREAMS:
        headers = {"retry-after": "30"}
        return problem(request, 503, "too many watch builds", "look at the build itself", headers=headers)
    known = request.headers.get("last-event-id", request.query_params.get("after", ""))
    after = int(known) if known.isascii() and known.isdigit() and len(known) < 10 else 0
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(_events(service, build, after), media_type="text/event-stream", headers=headers)


async def _events(service: Service, build: str, after: int) -> AsyncIterator[str]:
    state = ""
    yield "retry: 1000\n\n"
    with service.news.of(build) as news:
        while not service.news.is_stopping:
            news.clear()
            found, lines = await run_in_threadpool(_look, service, build, after)
            for line in lines:
                after = line.number
                yield _event("log", {"at": line.at, "text": line.text}, number=line.number)
            if len(lines) == _MOST_LINES:  # there may be more, and the end comes after the last one
                continue
            now = "" if found is None else json.dumps(described(found, service.settings))
            if now and now != state:
                state = now
                yield f"event: state\ndata: {state}\n\n"
            if found is None or found.is_over:
                yield _event("end", {"state": "gone" if found is None else found.state})
                return
            if not await _waited(news):
                yield ": still here\n\n"
            await asyncio.sleep(_PAUSE_SECONDS)


def _look(service: Service, build: str, after: int) -> tuple[Build | None, list[BuildEvent]]:
    """Return a build and the next lines of its log; the build first, so that no line comes after its end."""
    found = service.ledger.build(build)
    return found, service.ledger.events(build, after, _MOST_LINES)


async def _waited(news: asyncio.Event) -> bool:
    """Wait until there are news, for a while; returns whether there are."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_QUIET_SECONDS):
            await news.wait()
            return True
    return False


def _event(kind: str, data: Any, *, number: int | None = None) -> str:
    mark = "" if number is None else f"id: {number}\n"
    return f"{mark}event: {kind}\ndata: {json.dumps(data)}\n\n"

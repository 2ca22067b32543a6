"""What holds for every request: who may send it, how large it may be, how often; and what every answer says.

Each guard is a middleware of ASGI 3. Whoever is refused gets the same form of error as everywhere else.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request

from onebin.service.settings import LOOPBACK
from onebin.service.web.answers import problem
from onebin.service.web.clients import client_of
from onebin.service.web.context import service_of

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from onebin.service.settings import ServiceSettings

_MOST_BYTES = 64 * 1024  # of a request's body
BODY_SECONDS = 30.0  # for a request's body to come
_CUT = "onebin.cut"  # in a scope: why the rest of a body was not read
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-cache",
}


class Headed:
    """Adds to every answer what browsers may do with it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""

        async def headed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=message["headers"])
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                message["headers"] = headers.raw
            await send(message)

        try:
            await self._app(scope, receive, headed if scope["type"] == "http" else send)
        except asyncio.CancelledError:  # the service has stopped before somebody has taken the whole answer
            if not scope["app"].state.service.news.is_stopping:
                raise


class Guarded:
    """Refuses requests for another host, from another site's pages, too large ones, and too many."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        refused = _refused(request)
        if refused is not None:
            status, message, hint, headers = refused
            response = problem(request, status, message, hint, headers=headers)
            await response(scope, receive, send)
            return
        await self._app(scope, _limited(scope, receive), send)


def _refused(request: Request) -> tuple[int, str, str, dict[str, str]] | None:
    """Return status, message, hint and headers for a request that is not answered, or None."""
    service = service_of(request)
    headers = request.headers
    if not _is_own_host(headers.get("host", ""), service.settings):
        hint = "use the address that the service was started with (--url)"
        return 421, "this service is not known by that name", hint, {}
    if request.method not in _SAFE and not _is_own_origin(headers):
        return 403, "the request comes from a page of another site", "ask from this service's own page", {}
    if int(headers.get("content-length") or 0) > _MOST_BYTES:
        return 413, f"the request has over {_MOST_BYTES} bytes", "ask for one bundle at a time", {}
    client = client_of(request, service.settings)
    if wait := service.rates.take("request", client.place, service.settings.limits.requests_per_minute):
        return 429, "you ask too often", f"wait {wait:.0f} s", {"retry-after": str(int(wait) + 1)}
    return None


def _is_own_host(host: str, settings: ServiceSettings) -> bool:
    """Return whether a Host header names this service, which a name that was pointed here (DNS rebinding) does not."""
    try:
        name = (urlsplit(f"//{host}").hostname or "").casefold()
    except ValueError:
        return False
    return name in LOOPBACK or name in {(urlsplit(settings.address).hostname or "").casefold(), settings.host}


def _is_own_origin(headers: Headers) -> bool:
    """Return whether a request is not from a page of another site (Fetch Metadata, or else the header Origin)."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in {"same-origin", "none"}
    origin = headers.get("origin")
    return origin is None or origin.partition("://")[2] == headers.get("host")


def cut_off(request: Request) -> Response:
    """Return the answer for a request whose body has not come to its end."""
    headers = {"connection": "close"}
    if request.scope.get(_CUT) == "late":
        return problem(request, 408, "the request did not end", "send it again", headers=headers)
    message = f"the request has over {_MOST_BYTES} bytes, or did not end"
    return problem(request, 413, message, "ask for one bundle at a time", headers=headers)


def _limited(scope: Scope, receive: Receive) -> Receive:
    """Return a function that receives a request's body as long as that is not too large, and comes in time."""
    left, end, has_body = _MOST_BYTES, time.monotonic() + BODY_SECONDS, True

    async def limited() -> Message:
        nonlocal left, has_body
        if not has_body:  # from now on, this only tells when the client has gone
            return await receive()
        try:
            async with asyncio.timeout(max(end - time.monotonic(), 0)):
                message = await receive()
        except TimeoutError:
            scope[_CUT] = "late"
            return {"type": "http.disconnect"}
        has_body = bool(message.get("more_body"))
        left -= len(message.get("body", b""))
        if left < 0:
            return {"type": "http.disconnect"}
        return message

    return limited

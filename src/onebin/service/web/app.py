"""The application: its routes, and what stands before them."""

from __future__ import annotations

import sqlite3
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect
from starlette.routing import Match

from onebin.service.log import log
from onebin.service.web.answers import problem
from onebin.service.web.api import build_routes, file_routes, offer_routes, state_routes
from onebin.service.web.guard import Guarded, Headed, cut_off
from onebin.service.web.metrics import Measured
from onebin.service.web.pages import page_routes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request
    from starlette.responses import Response

    from onebin.service.web.context import Service

_SAID = {
    404: ("there is nothing at this address", "begin at /"),
    405: ("this cannot be done with this address", "see /openapi.json"),
}


def application(service: Service) -> Starlette:
    """Return the ASGI application of a service."""

    @asynccontextmanager
    async def living(_app: Starlette) -> AsyncIterator[None]:
        service.news.begin()
        yield

    app = Starlette(
        routes=[*build_routes(), *file_routes(), *offer_routes(), *state_routes(), *page_routes()],
        middleware=[Middleware(Measured), Middleware(Headed), Middleware(Guarded)],
        exception_handlers={HTTPException: _refuse, ClientDisconnect: _leave, sqlite3.Error: _wait, Exception: _fail},
        lifespan=living,
    )
    app.state.service = service
    return app


async def _refuse(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    detail = error.detail if isinstance(error, HTTPException) else ""
    message, hint = _SAID.get(status, (detail, "see /openapi.json"))
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
    if status == 405:
        headers["allow"] = _methods(request)
    return problem(request, status, message, hint, headers=headers)


def _methods(request: Request) -> str:
    """Return what can be done with an address; Starlette itself knows only the first of its routes."""
    routes = [each for each in request.app.routes if each.matches(request.scope)[0] is not Match.NONE]
    return ", ".join(sorted({method for each in routes for method in each.methods}))


async def _leave(request: Request, _error: Exception) -> Response:
    """Answer when a request did not come to its end: its body was too large, too slow, or its client has gone."""
    return cut_off(request)


async def _wait(request: Request, error: Exception) -> Response:
    """Answer when the database cannot be read or changed, such as on a full disk."""
    log(f"jobs.db: {error}")
    message, headers = "the service cannot write down anything now", {"retry-after": "60"}
    return problem(request, 503, message, "ask again in a minute; if that lasts, tell its operator", headers=headers)


async def _fail(request: Request, _error: Exception) -> Response:
    """Answer after a fault of the service itself; the server writes to the operator's log what it was."""
    return problem(
        request, 500, "the service has failed at this", "ask again; if that happens twice, tell its operator"
    )

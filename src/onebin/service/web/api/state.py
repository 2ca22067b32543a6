"""What operators and tools ask: whether the service is well, what it counts, its key, and how to speak with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from onebin.service.web.answers import problem
from onebin.service.web.api.openapi import description
from onebin.service.web.context import service_of
from onebin.trust import public_line

if TYPE_CHECKING:
    from starlette.requests import Request


def state_routes() -> list[Route]:
    """Return these routes."""
    return [
        Route("/healthz", health, methods=["GET"]),
        Route("/metrics", metrics, methods=["GET"]),
        Route("/key", key, methods=["GET"]),
        Route("/openapi.json", openapi, methods=["GET"]),
    ]


async def health(request: Request) -> Response:
    """Say whether builds are taken and done, and can be written down."""
    service = service_of(request)
    is_well = service.builder.is_running and not service.news.is_stopping
    await run_in_threadpool(service.ledger.check)  # or the answer is that of every request that cannot be written down
    states = await run_in_threadpool(service.ledger.states)
    return JSONResponse(
        {"status": "ok" if is_well else "stopping", "queued": states.get("queued", 0)}, 200 if is_well else 503
    )


async def metrics(request: Request) -> Response:
    """Return what is counted."""
    service = service_of(request)
    states = await run_in_threadpool(service.ledger.states)
    text = service.metrics.text(states, service.news.listeners)
    return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")


async def key(request: Request) -> Response:
    """Return the public key that signs, as OpenSSH writes it."""
    attestor = service_of(request).settings.attestor
    if attestor is None:
        return problem(request, 404, "this service does not sign", "compare the digest")
    return PlainTextResponse(f"{public_line(attestor.public)} onebin-service\n")


async def openapi(request: Request) -> Response:
    """Return the description of this interface (OpenAPI 3.1)."""
    return JSONResponse(description(service_of(request).settings))

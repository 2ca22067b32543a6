"""What monitoring reads: requests as they are answered, and builds as the ledger has them (Prometheus)."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

STATES = ("queued", "running", "done", "failed", "cancelled")


@dataclass(frozen=True)
class Metrics:
    """Counts what a service does."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    requests: Counter = field(init=False)
    seconds: Histogram = field(init=False)
    builds: Gauge = field(init=False)
    streams: Gauge = field(init=False)

    def __post_init__(self) -> None:
        """Make what is counted."""
        kept = self.registry
        counted = Counter("onebin_requests", "Requests, by route and status.", ["route", "status"], registry=kept)
        seconds = Histogram("onebin_request_seconds", "Until the first byte of an answer.", ["route"], registry=kept)
        builds = Gauge("onebin_builds", "Builds in the ledger, by state.", ["state"], registry=kept)
        streams = Gauge("onebin_event_streams", "Open streams of events.", registry=kept)
        for name, value in {"requests": counted, "seconds": seconds, "builds": builds, "streams": streams}.items():
            object.__setattr__(self, name, value)

    def text(self, states: dict[str, int], streams: int) -> bytes:
        """Return everything in Prometheus' text format."""
        for state in STATES:
            self.builds.labels(state).set(states.get(state, 0))
        self.streams.set(streams)
        return generate_latest(self.registry)


class Measured:
    """Counts each request and its time, by the route and not by the address, of which there are many."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        metrics: Metrics = scope["app"].state.service.metrics
        began = time.monotonic()

        async def measured(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = getattr(scope.get("route"), "path", "other")
                metrics.requests.labels(route, str(message["status"])).inc()
                metrics.seconds.labels(route).observe(time.monotonic() - began)
            await send(message)

        await self._app(scope, receive, measured)

"""Services that answer without a socket, and builds in each state in their ledger."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from onebin.catalogue import Catalogue, Order
from onebin.farm import Record, Store
from onebin.service import ServiceSettings
from onebin.service.jobs import Builder, BuildError, Ledger
from onebin.service.shelf import Shelf
from onebin.service.sizes import Sizes
from onebin.service.web import News, Service, application
from onebin.service.web.metrics import Metrics
from onebin.service.web.rates import Rates

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from typing import Any

    from onebin.service.jobs import Build

FIRST = "anybody " + "a" * 32  # the client that asks for builds here
COOKIE = f"onebin-client={'a' * 32}"


@dataclass(frozen=True)
class Answer:
    """What a service answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A service that does not build: its threads were not started."""

    service: Service

    def get(self, path: str, **headers: str) -> Answer:
        """Ask for an address as a browser does."""
        return self._ask("GET", path, headers)

    def post(self, path: str, fields: Sequence[tuple[str, str]], **headers: str) -> Answer:
        """Send a form as a browser does."""
        kind = {"content_type": "application/x-www-form-urlencoded", "sec_fetch_site": "same-origin"}
        return self._ask("POST", path, {**kind, **headers}, urlencode(fields).encode())

    def order(self, host: str, *plugins: str) -> Build:
        """Have the first client ask for a build."""
        service = self.service
        order = service.catalogue.settled(Order(host=host, plugins=plugins))
        manifest = service.catalogue.manifest(order)
        return service.ledger.submit(order, manifest, host, FIRST, service.settings.limits)[0]

    def build(self, state: str, host: str, *plugins: str, **error: Any) -> Build:
        """Return a build that is in a state; of one that fails, with the error."""
        ledger, build = self.service.ledger, self.order(host, *plugins)
        if state == "cancelled":
            ledger.withdraw(build.id, FIRST)
        elif state != "queued":
            ledger.begin()
            ledger.log(build.id, "lock: 14 packages (0.3 s)")
            ledger.advance(build.id, "freeze", "12 of 40 modules")
        if state == "done":
            record = Record(
                cell=host,
                inputs={},
                artifact="a1" * 32,
                size=13_456_789,
                card="b" * 64,
                sbom="c" * 64,
                log="d" * 64,
                seconds=41.3,
            )
            ledger.finish(
                build.id,
                key="e" * 64,
                record=record,
                report="f" * 64,
                versions={host: "1.2"},
                signature="S",
                has_provenance=True,
            )
        if state == "failed":
            ledger.fail(build.id, BuildError(**error))
        found = ledger.build(build.id)
        assert found is not None
        assert found.state == state
        return found

    def _ask(self, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        place, _, query = path.partition("?")
        given = {"host": "127.0.0.1:8321", "accept": "text/html", "cookie": COOKIE, **headers}
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": place,
            "raw_path": place.encode(),
            "query_string": query.encode(),
            "headers": [(key.replace("_", "-").lower().encode(), value.encode()) for key, value in given.items()],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 8321),
        }
        return asyncio.run(_answered(self.service, scope, body))


@dataclass
class _Sent:
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


async def _answered(service: Service, scope: dict[str, Any], body: bytes) -> Answer:
    sent = _Sent()

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            sent.status = message["status"]
            sent.headers = {key.decode(): value.decode() for key, value in message["headers"]}
        sent.body += message.get("body", b"")

    await application(service)(scope, receive, send)
    return Answer(sent.status, sent.headers, sent.body)


def service_of(folder: Path, catalogue: str, **settings: Any) -> Asked:
    """Return a service for a catalogue's text, with everything that it writes in a folder."""
    file = folder / "catalogue.toml"
    file.write_text(catalogue, "utf-8")
    given = ServiceSettings(catalogue=file, directory=folder, **settings)
    offered, news, store = Catalogue.load(file), News(), Store.at(str(folder / "store"))
    ledger = Ledger(folder / "jobs.db", changed=news.tell)
    return Asked(
        service=Service(
            settings=given,
            catalogue=offered,
            ledger=ledger,
            builder=Builder(settings=given, catalogue=offered, ledger=ledger, store=store),
            store=store,
            shelf=Shelf(folder / "held", store, given.limits.held),
            sizes=Sizes(offered, folder),
            news=news,
            rates=Rates(),
            metrics=Metrics(),
        )
    )

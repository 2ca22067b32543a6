"""Builds: ask for one, look at one, withdraw from one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, RedirectResponse
from starlette.routing import Route

from onebin.catalogue import Order
from onebin.errors import CatalogueError
from onebin.platforms import PLATFORMS
from onebin.service.jobs import TooManyError
from onebin.service.web.answers import described, not_offered, problem, wants_page
from onebin.service.web.api.events import stream
from onebin.service.web.clients import client_of
from onebin.service.web.context import service_of
from onebin.service.web.pages import build_page

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from onebin.service.jobs import Build
    from onebin.service.web.clients import Client
    from onebin.service.web.context import Service

_MOST_PLUGINS = 1000
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


class Asked(BaseModel):
    """A bundle of the catalogue."""

    model_config = ConfigDict(extra="forbid", strict=True)

    host: str = Field(min_length=1)
    version: str | None = None
    plugins: Annotated[tuple[str, ...], Field(max_length=_MOST_PLUGINS)] = ()
    python: str | None = None
    platform: str | None = None


def build_routes() -> list[Route]:
    """Return the routes of builds."""
    return [
        Route("/builds", ask, methods=["POST"]),
        Route("/builds/{build}", show, methods=["GET"]),
        Route("/builds/{build}", withdraw, methods=["DELETE"]),
        Route("/builds/{build}/withdraw", withdraw, methods=["POST"]),
        Route("/builds/{build}/events", stream, methods=["GET"]),
    ]


async def ask(request: Request) -> Response:
    """Have a bundle built, unless it was or is being built."""
    service = service_of(request)
    client = client_of(request, service.settings)
    is_form = await _is_form(request)
    if not client.may_build:
        headers = {"www-authenticate": "Bearer"}
        return problem(request, 401, "a token is needed to build here", "send it as a bearer token", headers=headers)
    if service.news.is_stopping:
        return problem(request, 503, "the service stops", "ask again soon", headers={"retry-after": "5"})
    limits = service.settings.limits
    if wait := service.rates.take("ask", client.place, limits.asks_per_minute):
        headers = {"retry-after": str(int(wait) + 1)}
        return problem(request, 429, "you ask for builds too often", f"wait {wait:.0f} s", headers=headers)
    try:
        order = await (_order_of_form(request) if is_form else _order_of_json(request))
    except ValueError as error:
        return problem(request, 400, f"this cannot be read: {error}", 'send {"host": "NAME", "plugins": []}')
    return await _submitted(request, order, client, is_form=is_form)


async def _submitted(request: Request, order: Order, client: Client, *, is_form: bool) -> Response:
    service = service_of(request)
    try:
        settled = service.catalogue.settled(order)
        manifest = service.catalogue.manifest(settled)
    except CatalogueError as error:
        return not_offered(request, error)
    file = f"{settled.host}{PLATFORMS[settled.platform or ''].suffix}"
    try:
        build, is_new = await run_in_threadpool(
            service.ledger.submit, settled, manifest, file, client.name, service.settings.limits
        )
    except TooManyError as error:
        return problem(request, 429, str(error), "ask again in a minute", headers={"retry-after": "60"})
    if is_new:
        service.builder.wake()
    address = f"/builds/{build.id}"
    response: Response = (
        RedirectResponse(address, 303)
        if is_form
        else JSONResponse(described(build, service.settings), 201 if is_new else 200, headers={"location": address})
    )
    client.remember(response, service.settings)
    return response


async def _is_form(request: Request) -> bool:
    """Return whether a form was sent; what looks like JSON is that, whatever a client calls it."""
    kind = request.headers.get("content-type", "")
    return kind.startswith(_FORMS) and not (await request.body()).lstrip().startswith(b"{")


async def _order_of_json(request: Request) -> Order:
    """Return what JSON asks for; raises ValueError."""
    try:
        asked = Asked.model_validate_json(await request.body())
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise ValueError(f"{place}: {first['msg']}" if place else first["msg"]) from None
    return Order(**asked.model_dump())


async def _order_of_form(request: Request) -> Order:
    """Return what a form asks for, in which an empty field is one that was left out; raises ValueError."""
    async with request.form(max_fields=_MOST_PLUGINS + 10, max_files=0) as form:
        return order_of_fields([(name, value) for name, value in form.multi_items() if isinstance(value, str)])


def order_of_fields(fields: list[tuple[str, str]]) -> Order:
    """Return what the fields of a form or of a query ask for; raises ValueError."""
    single = {name: value.strip() for name, value in fields if value.strip()}
    if not single.get("host"):
        raise ValueError("no host is named")
    return Order(
        host=single["host"],
        version=single.get("version"),
        plugins=tuple(value for name, value in fields if name == "plugin" and value),
        python=single.get("python"),
        platform=single.get("platform"),
    )


async def found_build(request: Request) -> Build | None:
    """Return the build that a request's address names, or None."""
    return await run_in_threadpool(service_of(request).ledger.build, request.path_params["build"])


def no_build(request: Request) -> Response:
    """Return the answer for a build that there is not."""
    return problem(request, 404, "there is no such build, or it was long ago", "ask for it again")


async def show(request: Request) -> Response:
    """Show a build."""
    service, build = service_of(request), await found_build(request)
    if build is None:
        return no_build(request)
    headers = {"vary": "accept"}
    if wants_page(request):
        client = client_of(request, service.settings)
        page = await run_in_threadpool(lambda: build_page(request, service, build, client=client.name))
        page.headers.update(headers)
        return page
    return JSONResponse(described(build, service.settings), headers=headers)


async def withdraw(request: Request) -> Response:
    """Note that a client does not wait for a build any more."""
    service, build = service_of(request), await found_build(request)
    if build is None:
        return no_build(request)
    client = client_of(request, service.settings)
    if not await run_in_threadpool(service.ledger.withdraw, build.id, client.name):
        return problem(request, 403, "you do not wait for this build", "only who asked for a build can withdraw")
    if request.method == "POST":
        return RedirectResponse(f"/builds/{build.id}", 303)
    return JSONResponse(described(await _again(service, build), service.settings))


async def _again(service: Service, build: Build) -> Build:
    return await run_in_threadpool(service.ledger.build, build.id) or build

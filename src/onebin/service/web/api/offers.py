"""What can be asked for: the catalogue as data, and the manifest and the size of a choice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

from onebin.errors import CatalogueError
from onebin.service.web.answers import not_offered, problem
from onebin.service.web.api.builds import order_of_fields
from onebin.service.web.context import service_of

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from onebin.catalogue import HostOffer
    from onebin.service.web.context import Service


def offer_routes() -> list[Route]:
    """Return the routes of the catalogue."""
    return [
        Route("/catalogue", catalogue, methods=["GET"]),
        Route("/catalogue/manifest", manifest, methods=["GET"]),
        Route("/catalogue/size", size, methods=["GET"]),
    ]


async def catalogue(request: Request) -> Response:
    """Return everything that can be asked for."""
    service = service_of(request)
    offered = service.catalogue
    return JSONResponse({"title": offered.title, "hosts": [_host(service, each) for each in offered.hosts.values()]})


async def manifest(request: Request) -> Response:
    """Return the bundle.toml of a choice."""
    try:
        text = service_of(request).catalogue.manifest(order_of_fields(request.query_params.multi_items()))
    except ValueError as error:
        return problem(request, 400, str(error), "name one: ?host=NAME")
    except CatalogueError as error:
        return not_offered(request, error)
    return PlainTextResponse(text, headers={"content-disposition": 'inline; filename="bundle.toml"'})


async def size(request: Request) -> Response:
    """Return how large the packages of a choice are, as far as that is known."""
    service = service_of(request)
    try:
        order = service.catalogue.settled(order_of_fields(request.query_params.multi_items()))
    except ValueError as error:
        return problem(request, 400, str(error), "name one: ?host=NAME")
    except CatalogueError as error:
        return not_offered(request, error)
    found = await run_in_threadpool(service.size_of, order)
    known: dict[str, int | bool | None] = {"packages": None, "count": None, "is_exact": False}
    if found is not None:
        known = {"packages": found.packages, "count": found.count, "is_exact": found.is_exact}
    return JSONResponse(known)


def _host(service: Service, host: HostOffer) -> dict[str, Any]:
    sizes = service.plugin_sizes(host.name)
    return {
        "name": host.name,
        "description": host.description,
        "licence": host.licence,
        "version": host.version,
        "versions": list(host.versions),
        "pythons": list(host.pythons),
        "platforms": list(host.platforms),
        "most_plugins": host.most_plugins,
        "plugins": [
            {
                "name": each.name,
                "description": each.description,
                "licence": each.licence,
                "needs": list(each.needs),
                "conflicts": list(each.conflicts),
                "size": sizes.get(each.name),
            }
            for each in host.plugins
        ],
        "variants": {name: list(plugins) for name, plugins in host.variants.items()},
    }

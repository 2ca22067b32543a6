"""The pages of the service: what is on offer, a choice, a build, a token, and what went wrong.

Each page is whole without JavaScript. With it, htmx replaces the part that changes, which is a template of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from starlette.responses import RedirectResponse
from starlette.routing import BaseRoute, Route

from onebin.catalogue import Order
from onebin.errors import CatalogueError
from onebin.service.web.clients import TOKEN_COOKIE, client_of, keep, token_name
from onebin.service.web.context import service_of
from onebin.service.web.pages.choice import choice_view, hosts_with
from onebin.service.web.pages.progress import build_view
from onebin.service.web.pages.rendering import page, static, wants_part

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from onebin.service.jobs import Build
    from onebin.service.web.context import Service

_LONGEST = 200  # characters of what is searched for
_TITLES = {
    400: "This question cannot be read",
    401: "A token is needed",
    403: "This is not allowed",
    404: "There is nothing here",
    405: "This cannot be done here",
    410: "This file is lost",
    413: "This question is too large",
    421: "This service has another name",
    422: "This cannot be built",
    429: "Too much at once",
    503: "The service is stopping",
}


def page_routes() -> list[BaseRoute]:
    """Return the routes of all pages but those of builds, which share their addresses with the interface."""
    return [
        Route("/", _hosts),
        Route("/hosts/{name}", _host),
        Route("/token", _ask_token),
        Route("/token", _take_token, methods=["POST"]),
        Route("/token/forget", _forget_token, methods=["POST"]),
        Route("/static/{name}", static),
    ]


def build_page(request: Request, service: Service, build: Build, *, client: str) -> Response:
    """Answer with the page of a build; `client` is the name of who looks at it."""
    is_own = service.ledger.waits(build.id, client)
    view = build_view(build, service.ledger.events(build.id), address=service.settings.address, is_own=is_own)
    return page(request, "_build.html" if wants_part(request) else "build.html", {"view": view})


def error_page(request: Request, status: int, error: Mapping[str, Any]) -> Response:
    """Answer with what went wrong and what to do."""
    values = {
        "title": _TITLES.get(status, "Something went wrong here"),
        "status": status,
        "error": {"hint": None, "stage": None, "plugins": [], "findings": [], **error},
        "back": _choice_before(request),
        "here": _same_page(request),
    }
    return page(request, "error.html", values, status=status)


def _hosts(request: Request) -> Response:
    catalogue = service_of(request).catalogue
    text = request.query_params.get("q", "")[:_LONGEST]
    values = {"text": text, "hosts": hosts_with(catalogue, text), "all": len(catalogue.hosts)}
    return page(request, "_hosts.html" if wants_part(request) else "hosts.html", values)


def _host(request: Request) -> Response:
    service = service_of(request)
    name = request.path_params["name"]
    host = service.catalogue.hosts.get(name)
    if host is None:
        return error_page(
            request, 404, {"message": f"there is no program {name}", "hint": "choose one that is on offer"}
        )
    asked = _asked(request, name)
    view = choice_view(
        service.catalogue,
        host,
        asked,
        address=service.settings.address,
        sizes=_plugin_sizes(service, asked),
        licences=service.sizes.licences(name),
        found=request.query_params.get("q", "")[:_LONGEST],
    )
    values = {
        "view": view,
        "total": service.sizes.of(view.settled) if view.settled else None,
        "needs_token": not client_of(request, service.settings).may_build,
    }
    if wants_part(request):
        return page(request, "_choice.html", values, headers={"HX-Push-Url": view.path})
    return page(request, "host.html", values)


def _plugin_sizes(service: Service, asked: Order) -> Mapping[str, int | None]:
    """Return what each plugin adds to a choice; of one that is not on offer, what it adds to the host's defaults."""
    try:
        return service.sizes.of_plugins(asked.host, version=asked.version, python=asked.python, platform=asked.platform)
    except CatalogueError:
        return service.sizes.of_plugins(asked.host)


def _asked(request: Request, host: str) -> Order:
    query = request.query_params
    return Order(
        host=host,
        version=query.get("version", "").strip() or None,
        plugins=tuple(dict.fromkeys(query.getlist("plugin"))),
        python=query.get("python") or None,
        platform=query.get("platform") or None,
    )


def _ask_token(request: Request) -> Response:
    return _token_page(request, request.query_params.get("next", "/"))


async def _take_token(request: Request) -> Response:
    """Keep a token in a cookie that no script reads, if it is one of this service."""
    settings = service_of(request).settings
    async with request.form(max_files=0, max_fields=10) as form:
        token, then = str(form.get("token", "")).strip(), _own_path(str(form.get("next", "/")))
    if token_name(token, settings) is None:
        return _token_page(request, then, is_wrong=True)
    response = RedirectResponse(then, status_code=303)
    keep(response, TOKEN_COOKIE, token, settings)
    return response


def _forget_token(_request: Request) -> Response:
    """Have a browser forget its token."""
    response = RedirectResponse("/token", status_code=303)
    response.delete_cookie(TOKEN_COOKIE)
    return response


def _token_page(request: Request, then: str, *, is_wrong: bool = False) -> Response:
    may_build = client_of(request, service_of(request).settings).may_build
    values = {"then": _own_path(then), "is_wrong": is_wrong, "has_one": may_build}
    return page(request, "token.html", values, status=401 if is_wrong else 200)


def _own_path(text: str) -> str:
    """Return a path on this server, whatever a form says: a redirect leads nowhere else."""
    is_own = text.startswith("/") and not text.startswith("//") and "\\" not in text and text.isprintable()
    return text if is_own else "/"


def _same_page(request: Request) -> str:
    """Return the path and query that were asked for, or for a form, where it was."""
    if request.method != "GET":
        return _choice_before(request) or "/"
    query = request.url.query
    return _own_path(f"{request.url.path}{f'?{query}' if query else ''}")


def _choice_before(request: Request) -> str | None:
    """Return the path of the page with a choice from which a form was sent, or None."""
    before = urlsplit(request.headers.get("referer", ""))
    if before.netloc != request.url.netloc or not before.path.startswith("/hosts/"):
        return None
    return _own_path(f"{before.path}{f'?{before.query}' if before.query else ''}")

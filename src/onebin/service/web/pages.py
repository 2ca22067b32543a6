"""The pages of the service: what is on offer, a choice, a build, a token, and what went wrong.

Each page is whole without JavaScript. With it, htmx replaces the part that changes, which is a template of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from starlette.responses import RedirectResponse
from starlette.routing import BaseRoute, Route

from onebin.catalogue import Order
from onebin.service.web.choice import choice_view, hosts_with
from onebin.service.web.progress import build_view
from onebin.service.web.rendering import page, static, wants_part
from onebin.system import sha256_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.responses import Response

TOKEN_COOKIE = "onebin-token"  # noqa: S105  # the name of a cookie
_LONGEST = 200  # characters of what is searched for
_TITLES = {
    400: "This question cannot be read",
    401: "A token is needed",
    403: "This is not allowed",
    404: "There is nothing here",
    405: "This cannot be done here",
    413: "This question is too large",
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
        Route("/static/{name}", static),
    ]


def build_page(request: Request, service: Any, build: Any, *, client: str | None = None) -> Response:
    """Answer with the page of a build; `client` is who looks at it."""
    is_own = client is not None and service.ledger.waits(build.id, client)
    view = build_view(build, service.ledger.events(build.id), address=service.settings.address, is_own=is_own)
    return page(request, "_build.html" if wants_part(request) else "build.html", {"view": view})


def error_page(
    request: Request, status: int, error: Mapping[str, Any], *, headers: Mapping[str, str] | None = None
) -> Response:
    """Answer with what went wrong and what to do."""
    values = {
        "title": _TITLES.get(status, "Something went wrong here"),
        "status": status,
        "error": {"hint": None, "stage": None, "plugins": [], "findings": [], **error},
        "back": _choice_before(request),
        "here": _same_page(request),
    }
    return page(request, "error.html", values, status=status, headers=headers or {})


def _hosts(request: Request) -> Response:
    catalogue = request.app.state.service.catalogue
    text = request.query_params.get("q", "")[:_LONGEST]
    values = {"text": text, "hosts": hosts_with(catalogue, text), "all": len(catalogue.hosts)}
    return page(request, "_hosts.html" if wants_part(request) else "hosts.html", values)


def _host(request: Request) -> Response:
    service = request.app.state.service
    name = request.path_params["name"]
    host = service.catalogue.hosts.get(name)
    if host is None:
        error = {"message": f"There is no program {name!r} here.", "hint": "Choose one of those that are on offer."}
        return error_page(request, 404, error)
    view = choice_view(
        service.catalogue,
        host,
        _asked(request, name),
        address=service.settings.address,
        sizes=service.plugin_sizes(name),
        found=request.query_params.get("q", "")[:_LONGEST],
    )
    total = None if view.settled is None else service.size_of(view.settled)
    values = {"view": view, "total": total, "needs_token": _needs_token(request), "here": _same_page(request)}
    if wants_part(request):
        return page(request, "_choice.html", values, headers={"HX-Push-Url": view.path})
    return page(request, "host.html", values)


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
    settings = request.app.state.service.settings
    async with request.form(max_files=0, max_fields=10) as form:
        token, then = str(form.get("token", "")).strip(), _own_path(str(form.get("next", "/")))
    if not settings.tokens or sha256_of(token) not in settings.tokens:
        return _token_page(request, then, is_wrong=True)
    response = RedirectResponse(then, status_code=303)
    is_secure = settings.address.startswith("https:")
    response.set_cookie(TOKEN_COOKIE, token, httponly=True, samesite="strict", secure=is_secure)
    return response


def _token_page(request: Request, then: str, *, is_wrong: bool = False) -> Response:
    values = {"then": _own_path(then), "is_wrong": is_wrong, "has_one": not _needs_token(request)}
    return page(request, "token.html", values, status=401 if is_wrong else 200)


def _needs_token(request: Request) -> bool:
    """Return whether a token is needed to build, and who looks at the page has not given one."""
    tokens = request.app.state.service.settings.tokens
    return bool(tokens) and sha256_of(request.cookies.get(TOKEN_COOKIE, "")) not in tokens


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

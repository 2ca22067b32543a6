"""Render the templates of the service as pages, and serve what they link to.

Everything that comes from a catalogue, a build or a question is escaped, and shows no character that would hide or
reorder others. Pages have no script and no style of their own: the policy of the service (Content-Security-Policy)
forbids it.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import jinja2
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response

from onebin.service.web.context import service_of
from onebin.system import count, megabytes, redact, templates_dir, visible

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

# Each state of a page is asked for again, also when somebody goes back to it.
_HEADERS = {"Cache-Control": "no-store", "Vary": "Accept, Cookie, HX-Request"}
_FILES = {
    "style.css": ("service/style.css", "text/css"),
    "page.js": ("service/page.js", "text/javascript"),
    "htmx.min.js": ("vendor/htmx.min.js", "text/javascript"),
}
_A_YEAR = 31_536_000
_SHORT = 400  # characters of a text that is kept in memory


@dataclass(frozen=True, kw_only=True)
class StaticFile:
    """A file that pages link to. Its address has its digest, so that it may be kept for ever."""

    name: str
    content: bytes
    media_type: str

    @property
    def digest(self) -> str:
        """The SHA-256 of the content."""
        return sha256(self.content).hexdigest()

    @property
    def address(self) -> str:
        """The path on the server, with what changes when the content does."""
        return f"/static/{self.name}?{self.digest[:16]}"


def render(template: str, values: Mapping[str, Any]) -> str:
    """Return the text of a page, or of a part of one."""
    return _environment().get_template(template).render(values)


def page(
    request: Request,
    template: str,
    values: Mapping[str, Any],
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> HTMLResponse:
    """Answer with a page; templates get the service, too."""
    text = render(template, {"service": service_of(request), "path": request.url.path, **values})
    return HTMLResponse(text, status_code=status, headers={**_HEADERS, **(headers or {})})


def wants_part(request: Request) -> bool:
    """Return whether htmx asks, which replaces a part of the page that is shown."""
    return "HX-Request" in request.headers and "HX-History-Restore-Request" not in request.headers


def static(request: Request) -> Response:
    """Answer with a file that pages link to."""
    found = static_files().get(request.path_params["name"])
    if found is None:
        raise HTTPException(404)
    headers = {"ETag": f'"{found.digest}"', "Cache-Control": f"public, max-age={_A_YEAR}, immutable"}
    if request.headers.get("If-None-Match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    return Response(found.content, media_type=f"{found.media_type}; charset=utf-8", headers=headers)


@functools.cache
def static_files() -> Mapping[str, StaticFile]:
    """Return the files that pages link to, by their names."""
    return {
        name: StaticFile(name=name, content=templates_dir().joinpath(place).read_bytes(), media_type=kind)
        for name, (place, kind) in _FILES.items()
    }


@functools.cache
def _environment() -> jinja2.Environment:
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates_dir() / "service"),
        undefined=jinja2.StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        # What has `__html__` was escaped already.
        finalize=lambda value: _shown(value) if isinstance(value, str) and not hasattr(value, "__html__") else value,
    )
    made.filters |= {"megabytes": megabytes, "count": count, "moment": _moment, "iso": _iso, "clock": _clock}
    made.globals["static"] = lambda name: static_files()[name].address
    return made


def _shown(text: str) -> str:
    return _known(text) if len(text) <= _SHORT else _clean(text)


def _clean(text: str) -> str:
    return visible(redact(text), one_line=False)


# A page of 500 plugins has thousands of short texts, and `redact` compares each with the whole environment.
_known = functools.lru_cache(maxsize=8192)(_clean)


def _moment(seconds: float) -> str:
    return f"{_at(seconds):%Y-%m-%d %H:%M:%S} UTC"


def _iso(seconds: float) -> str:
    return f"{_at(seconds):%Y-%m-%dT%H:%M:%SZ}"


def _clock(seconds: float) -> str:
    return f"{_at(seconds):%H:%M:%S}"


def _at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)

"""The forms of answers: a build and an error as JSON, and whether a page is wanted instead."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse

from onebin.service.web.context import service_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from onebin.errors import OnebinError
    from onebin.service.jobs import Build
    from onebin.service.settings import ServiceSettings


def wants_page(request: Request) -> bool:
    """Return whether a browser asks, which shows pages, and not a program."""
    return "text/html" in request.headers.get("accept", "")


def described(build: Build, settings: ServiceSettings) -> dict[str, Any]:
    """Return a build as JSON values."""
    record = build.record
    order, error = build.order, build.error
    return {
        "id": build.id,
        "state": build.state,
        "order": {
            "host": order.host,
            "version": order.version,
            "plugins": list(order.plugins),
            "python": order.python,
            "platform": order.platform,
        },
        "manifest": build.manifest,
        "position": build.position,
        "created": _moment(build.created),
        "started": _moment(build.started),
        "ended": _moment(build.ended),
        "step": build.step,
        "doing": build.doing,
        "attempts": build.attempts,
        "waiting": build.waiting,
        "key": build.key,
        "file": build.file,
        "sha256": record and record.artifact,
        "size": record and record.size,
        "versions": dict(build.versions),
        "seconds": record and record.seconds,
        "files": {kind: f"/builds/{build.id}/files/{name}" for kind, name in build.files.items()},
        "error": error
        and {
            "stage": error.stage,
            "message": error.message,
            "hint": error.hint,
            "plugins": list(error.plugins),
            "findings": [dict(each) for each in error.findings],
        },
        "address": f"{settings.address}/builds/{build.id}",
    }


def problem(
    request: Request,
    status: int,
    message: str,
    hint: str | None = None,
    *,
    findings: list[dict[str, Any]] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return an error: a page for a browser, else JSON."""
    from onebin.service.web.pages import error_page  # noqa: PLC0415  # pages answer with problems, too

    error = {"message": message, "hint": hint, "findings": findings or []}
    response = (
        error_page(request, status, error)
        if wants_page(request)
        else JSONResponse({"error": error}, status_code=status)
    )
    response.headers.update(headers or {})
    return response


def not_offered(request: Request, error: OnebinError) -> Response:
    """Return the error for something that the catalogue does not offer; its file has no name here."""
    name = str(service_of(request).catalogue.file)
    findings = [
        {"where": each.where, "message": each.message.replace(name, "the catalogue"), "hint": each.hint}
        for each in error.findings
    ]
    return problem(request, 422, error.message, error.hint, findings=findings)


def _moment(seconds: float | None) -> str | None:
    """Return a moment as RFC 3339 has it."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")

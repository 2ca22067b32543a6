"""The files of a build: the artifact, with ranges (RFC 9110, 14), and what says where it came from.

Every object of the store is checked by its digest before a byte of it is sent. One that is missing or damaged ends the
build that names it, so that the next question builds it again. Where that cannot be known now, nothing is changed.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from typing import TYPE_CHECKING, ClassVar

from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from onebin.errors import StoreError
from onebin.service.jobs import BuildError
from onebin.service.log import log
from onebin.service.web.answers import problem
from onebin.service.web.api.builds import found_build, no_build
from onebin.service.web.context import service_of

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from onebin.farm import Record
    from onebin.service.jobs import Build
    from onebin.service.web.context import Service

_JSON, _TEXT = "application/json", "text/plain; charset=utf-8"
_TYPES = {
    "manifest": "application/toml",
    "log": _TEXT,
    "signature": _TEXT,
    "sbom": "application/vnd.cyclonedx+json",
    "provenance": "application/vnd.in-toto+json",
    "card": _JSON,
    "report": "text/html; charset=utf-8",
}
_LEAST_PART, _MOST_PART, _PARTS_TOGETHER = 64 * 1024, 512 * 1024, 32 * 1024 * 1024
_RANGE = re.compile(rb"(?:([0-9]{1,18})-([0-9]{1,18})?|-[0-9]{1,18})")
_ALWAYS = "public, max-age=31536000, immutable"
_SANDBOX = "sandbox allow-scripts allow-downloads"  # beside the page's own policy: it is not of this origin then


class _Artifact(FileResponse):
    """A file that is sent in large parts, for each costs a switch of threads; to many at once, in smaller ones."""

    _now: ClassVar[int] = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it. What all clients together have in memory grows with the logarithm of their number."""
        scope["headers"] = [each for each in scope["headers"] if each[0] != b"range" or _is_range(each[1])]
        _Artifact._now += 1
        self.chunk_size = max(_LEAST_PART, min(_MOST_PART, _PARTS_TOGETHER // _Artifact._now))
        try:
            await super().__call__(scope, receive, send)
        finally:
            _Artifact._now -= 1


def _is_range(value: bytes) -> bool:
    """Return whether a header asks for ranges of bytes; any other one is ignored (RFC 9110, 14.1.1 and 14.2)."""
    unit, _, ranges = value.lower().partition(b"=")
    found = [_RANGE.fullmatch(each.strip(b" \t")) for each in ranges.split(b",")]
    return unit == b"bytes" and all(each and (not each[2] or int(each[1]) <= int(each[2])) for each in found)


def file_routes() -> list[Route]:
    """Return the routes of files."""
    return [Route("/builds/{build}/files/{name}", send, methods=["GET"])]


async def send(request: Request) -> Response:
    """Send a file of a build."""
    service, build = service_of(request), await found_build(request)
    if build is None:
        return no_build(request)
    kinds = {name: kind for kind, name in build.files.items()}
    kind = kinds.get(request.path_params["name"])
    if kind is None:
        hint = "its files are " + ", ".join(kinds) if build.is_over else "wait for the end of the build"
        return problem(request, 404, "the build has no such file", hint)
    try:
        if kind == "artifact" and build.record is not None:
            return await _artifact(request, service, build, build.record)
        return _small(request, kind, await run_in_threadpool(_content, service, build, kind))
    except StoreError as error:
        if not error.is_lost:  # such as a full disk, or a bucket that does not answer
            log(f"build {build.id}: {error}")
            headers = {"retry-after": "30"}
            return problem(request, 503, "the file cannot be read now", "ask again in a minute", headers=headers)
        message = "the store has lost this file, or it is damaged there"
        hint = "ask for the build again: it is built anew"
        await run_in_threadpool(_lose, service, build, BuildError(stage="store", message=message, hint=hint))
        return problem(request, 410, message, hint)


def _small(request: Request, kind: str, content: bytes) -> Response:
    """Return the answer with a file that is not the artifact."""
    headers = {"etag": f'"{hashlib.sha256(content).hexdigest()}"', "content-disposition": _attachment(kind, request)}
    if kind == "report":
        headers["content-security-policy"] = _SANDBOX
    if _is_known(request, headers["etag"]):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=_TYPES[kind], headers=headers)


async def _artifact(request: Request, service: Service, build: Build, record: Record) -> Response:
    """Send an artifact, or the range of it that is asked for; raises StoreError."""
    headers = {"etag": f'"{record.artifact}"', "cache-control": _ALWAYS, "repr-digest": _digest(record.artifact)}
    if _is_known(request, headers["etag"]):
        return Response(status_code=304, headers=headers)
    file = await run_in_threadpool(service.shelf.artifact, record)
    return _Artifact(
        file, headers=headers, media_type="application/octet-stream", filename=build.file, stat_result=file.stat()
    )


def _content(service: Service, build: Build, kind: str) -> bytes:
    """Return what a small file holds; raises StoreError."""
    store, record = service.store, build.record
    match kind:
        case "manifest":
            return build.manifest.encode()
        case "signature":
            return (build.signature or "").encode()
        case "report":
            return store.read(build.report or "")
        case "provenance":
            return store.provenance(build.key or "") or b""
        case "log":
            told = "".join(f"{each.text}\n" for each in service.ledger.events(build.id))
            whole = service.builder.discretion.text(store.read(record.log).decode("utf-8", "replace")) if record else ""
            return f"{told}\n{whole}".encode()
    return store.read("" if record is None else record.sbom if kind == "sbom" else record.card)


def _lose(service: Service, build: Build, error: BuildError) -> None:
    service.ledger.lose(build.id, error)
    if build.key is not None:
        service.store.discard(build.key)


def _is_known(request: Request, tag: str) -> bool:
    """Return whether a client has this content already (RFC 9110, 13.1.2)."""
    known = request.headers.get("if-none-match", "")
    return known == "*" or tag in [each.strip().removeprefix("W/") for each in known.split(",")]


def _digest(sha256: str) -> str:
    """Return a digest as a header has it (RFC 9530)."""
    return f"sha-256=:{b64encode(bytes.fromhex(sha256)).decode()}:"


def _attachment(kind: str, request: Request) -> str:
    shown = "inline" if kind in {"report", "log", "manifest"} else "attachment"
    return f'{shown}; filename="{request.path_params["name"]}"'

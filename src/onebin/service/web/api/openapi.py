"""The description of the service's interface (OpenAPI 3.1), for people and for tools that make clients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from onebin import __version__
from onebin.service.web.api.builds import Asked

if TYPE_CHECKING:
    from onebin.service.settings import ServiceSettings

_NAME = {"type": "string"}
_MAYBE = {"type": ["string", "null"]}
_COUNT = {"type": ["integer", "null"]}
_MOMENT = {"type": ["string", "null"], "format": "date-time"}


def description(settings: ServiceSettings) -> dict[str, Any]:
    """Return the description; it names the address of this service."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "onebin's build service",
            "version": __version__,
            "description": "Choose a host and plugins of the catalogue, get one file, and check where it came from.",
        },
        "servers": [{"url": settings.address}],
        "security": [{"token": []}] if settings.tokens else [],
        "paths": _paths(),
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "responses": {
                "Error": {"description": "What is wrong, and what to do.", "content": _json({"$ref": _ref("Error")})}
            },
        },
    }


def _paths() -> dict[str, Any]:
    build = [_parameter("build", "path", "The id of a build.")]
    choice = [_parameter("host", "query", "A host of the catalogue.")]
    choice += [
        _parameter(name, "query", text, required=False)
        for name, text in (
            ("version", "The version of the host."),
            ("python", "The version of Python."),
            ("platform", "The platform to build for."),
        )
    ]
    choice.append(
        {
            "name": "plugin",
            "in": "query",
            "description": "A plugin; may be repeated.",
            "schema": _list(_NAME),
        }
    )
    known = _answer("The build.", {"$ref": _ref("Build")})
    refused = {"400": _ERROR, "422": _ERROR}
    return {
        "/catalogue": {"get": _operation("catalogue", "What can be asked for.", {"200": _answer("It.", _object())})},
        "/catalogue/manifest": {
            "get": _operation("manifest", "The bundle.toml of a choice.", {"200": _text("It."), **refused}, choice)
        },
        "/catalogue/size": {
            "get": _operation(
                "size",
                "How many bytes the packages of a choice have together, as far as that is known.",
                {"200": _answer("It.", {"$ref": _ref("Size")}), **refused},
                choice,
            )
        },
        "/builds": {
            "post": {
                **_operation(
                    "ask",
                    "Ask for a bundle. The same question is the same build; one that is done is answered at once.",
                    {"200": known, "201": known, **dict.fromkeys(("400", "401", "422", "429", "503"), _ERROR)},
                ),
                "requestBody": {"required": True, "content": _json({"$ref": _ref("Order")})},
            }
        },
        "/builds/{build}": {
            "get": _operation("look", "A build.", {"200": known, "404": _ERROR}, build),
            "delete": _operation(
                "withdraw",
                "Do not wait for a build any more; it is cancelled if nobody else does.",
                {"200": known, "403": _ERROR, "404": _ERROR},
                build,
            ),
        },
        "/builds/{build}/events": {
            "get": _operation(
                "events",
                "Server-sent events until the build ends: `log` with lines of its log, `state` with the build, `end`.",
                {"200": {"description": "Events.", "content": {"text/event-stream": {"schema": _NAME}}}},
                [*build, _parameter("Last-Event-ID", "header", "The last line that is known.", required=False)],
            )
        },
        "/builds/{build}/files/{name}": {
            "get": _operation(
                "file",
                "A file of a build. The artifact can be asked for in ranges, and has its SHA-256 as its ETag.",
                {
                    "200": _bytes("The file."),
                    "206": _bytes("A range of it."),
                    "304": {"description": "It is known."},
                    "404": _ERROR,
                    "410": _ERROR,
                    "416": {"description": "There is no such range."},
                },
                [*build, _parameter("name", "path", "The name of a file, as in the build's `files`.")],
            )
        },
        "/key": {"get": _operation("key", "The public key that signs.", {"200": _text("It."), "404": _ERROR})},
        "/healthz": {
            "get": _operation(
                "health",
                "Whether builds are taken and done.",
                {"200": _answer("Yes.", _object()), "503": _answer("No.", _object())},
            )
        },
        "/metrics": {"get": _operation("metrics", "What Prometheus reads.", {"200": _text("It.")})},
        "/openapi.json": {"get": _operation("openapi", "This description.", {"200": _answer("It.", _object())})},
    }


def _schemas() -> dict[str, Any]:
    finding = {"where": _NAME, "message": _NAME, "hint": _MAYBE}
    error = {
        "stage": _NAME,
        "message": _NAME,
        "hint": _MAYBE,
        "plugins": _list(_NAME),
        "findings": _list(_object(finding)),
    }
    build = {
        "id": _NAME,
        "state": {"enum": ["queued", "running", "done", "failed", "cancelled"]},
        "order": {"$ref": _ref("Order")},
        "manifest": _NAME,
        "position": _COUNT,
        "created": _MOMENT,
        "started": _MOMENT,
        "ended": _MOMENT,
        "step": _NAME,
        "doing": _NAME,
        "attempts": {"type": "integer"},
        "waiting": {"type": "integer"},
        "key": _MAYBE,
        "file": _NAME,
        "sha256": _MAYBE,
        "size": _COUNT,
        "versions": {"type": "object", "additionalProperties": _NAME},
        "seconds": {"type": ["number", "null"]},
        "files": {"type": "object", "additionalProperties": _NAME},
        "error": {"anyOf": [_object(error), {"type": "null"}]},
        "address": {"type": "string", "format": "uri"},
    }
    return {
        "Order": Asked.model_json_schema(),
        "Build": {**_object(build), "required": list(build)},
        "Size": _object({"packages": _COUNT, "count": _COUNT, "is_exact": {"type": "boolean"}}),
        "Error": _object({"error": _object({"message": _NAME, "hint": _MAYBE, "findings": _list(_object(finding))})}),
    }


def _ref(name: str) -> str:
    return f"#/components/schemas/{name}"


_ERROR = {"$ref": "#/components/responses/Error"}


def _operation(
    name: str, summary: str, answers: dict[str, Any], parameters: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    made = {"operationId": name, "summary": summary, "responses": answers}
    return {**made, "parameters": parameters} if parameters else made


def _parameter(name: str, place: str, text: str, *, required: bool = True) -> dict[str, Any]:
    return {"name": name, "in": place, "required": required, "description": text, "schema": _NAME}


def _answer(text: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": text, "content": _json(schema)}


def _text(text: str) -> dict[str, Any]:
    return {"description": text, "content": {"text/plain": {"schema": _NAME}}}


def _bytes(text: str) -> dict[str, Any]:
    return {"description": text, "content": {"application/octet-stream": {}}}


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _object(properties: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"type": "object", "properties": properties} if properties else {"type": "object"}


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}

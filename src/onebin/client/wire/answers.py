"""What a service answers, as data of known types: everything else is refused, and texts are cut to a fair length."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Literal, NotRequired, TypeVar

from pydantic import BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict  # pydantic cannot read the standard library's before Python 3.12

from onebin.errors import CatalogueError, Finding, OnebinError, ServiceError
from onebin.system import visible

if TYPE_CHECKING:
    from onebin.client.wire.address import Address

_LONGEST = 2000  # characters of a text that is shown
_SHOWN = 100  # findings
_STRICT = ConfigDict(strict=True, extra="ignore")
_Text = Annotated[str, BeforeValidator(lambda value: value[:_LONGEST] if isinstance(value, str) else value)]
_Names = Annotated[list[Annotated[str, Field(max_length=200)]], Field(max_length=1000)]
_NO_SERVICE = "check the address: it must be that of a build service of onebin"
_PROVE = "set ONEBIN_TOKEN, or name the file of your token with --token-file"
T = TypeVar("T")


class OrderAnswer(TypedDict):
    """What is built: every name as in the catalogue. The version is null if it is the newest."""

    host: str
    version: str | None
    plugins: _Names
    python: str
    platform: str


class _FindingAnswer(TypedDict):
    where: _Text
    message: _Text
    hint: NotRequired[_Text | None]


class ErrorAnswer(TypedDict):
    """Why something was refused, or why a build failed: at which stage, and because of which plugins."""

    message: _Text
    hint: NotRequired[_Text | None]
    stage: NotRequired[_Text | None]
    plugins: NotRequired[_Names]
    findings: NotRequired[list[_FindingAnswer]]


@with_config(_STRICT)
class BuildAnswer(TypedDict):
    """A build. `sha256` and `size` (bytes) are those of the artifact, and `files` has the addresses of what it made."""

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    order: OrderAnswer
    position: NotRequired[int | None]
    step: NotRequired[_Text | None]
    doing: NotRequired[_Text | None]
    sha256: NotRequired[Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None]
    size: NotRequired[Annotated[int, Field(gt=0, le=8 * 1024**3)] | None]
    files: NotRequired[dict[str, str]]
    error: NotRequired[ErrorAnswer | None]


class _HostAnswer(TypedDict):
    name: str
    platforms: _Names


@with_config(_STRICT)
class CatalogueAnswer(TypedDict):
    """What is on offer."""

    hosts: list[_HostAnswer]


@with_config(_STRICT)
class LogAnswer(TypedDict):
    """A line of the log of a build."""

    text: _Text


@with_config(_STRICT)
class _Refusal(TypedDict):
    error: ErrorAnswer


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def parsed(kind: type[T], content: bytes, address: Address) -> T:
    """Return the data in an answer; raises ServiceError if it is not that of a service."""
    try:
        found: T = _adapter(kind).validate_json(content)  # type: ignore[arg-type]  # every type is hashable
    except ValidationError as error:
        raise ServiceError(f"{address} does not answer like a build service of onebin", _NO_SERVICE) from error
    return found


def error_of(address: Address, status: int, content: bytes) -> OnebinError:
    """Return the error in an answer whose status is 400 or more."""
    try:
        found: ErrorAnswer = _adapter(_Refusal).validate_json(content)["error"]
    except ValidationError:
        if status in {401, 403}:
            return ServiceError(f"{address} denied access (HTTP {status})", _PROVE)
        return ServiceError(f"{address} answered with HTTP {status}, and is perhaps no build service", _NO_SERVICE)
    hint = found.get("hint")
    if status == 422:
        return CatalogueError(visible(found["message"]), _findings(found), hint)
    if status == 401:
        return ServiceError(f"{address}: {found['message']}", f"{hint}; {_PROVE}" if hint else _PROVE)
    return ServiceError(f"{address}: {found['message']}", hint, findings=_findings(found))


def failure(build: BuildAnswer, address: Address) -> ServiceError:
    """Return the error of a build that ended without an artifact."""
    host, where = build["order"]["host"], f"{address}/builds/{build['id']}"
    if build["state"] == "cancelled":
        return ServiceError(f"the build of {host} was cancelled: {where}", "ask for it again")
    error = build.get("error")
    if error is None:
        return ServiceError(f"the build of {host} failed: {where}", "its page has the log")
    stage = f" at {error['stage']}" if error.get("stage") else ""
    because = f", because of {', '.join(error.get('plugins', ()))}" if error.get("plugins") else ""
    message = f"the build of {host} failed{stage}{because}: {error['message']}"
    return ServiceError(message, error.get("hint") or f"{where} has the log", findings=_findings(error))


def _findings(error: ErrorAnswer) -> list[Finding]:
    return [Finding(each["where"], each["message"], each.get("hint")) for each in error.get("findings", [])[:_SHOWN]]

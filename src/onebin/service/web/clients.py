"""Who asks: the name that a token has, or a random name that a browser keeps in a cookie."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection
    from starlette.responses import Response

    from onebin.service.settings import ServiceSettings

COOKIE, TOKEN_COOKIE = "onebin-client", "onebin-token"
_LONGEST = 200  # characters of a token
_YEAR = 365 * 86400


@dataclass(frozen=True, kw_only=True)
class Client:
    """Who asks. `place` is the address that rates are counted for. A client without a right may only look."""

    name: str
    place: str
    may_build: bool
    is_new: bool = False

    def remember(self, response: Response, settings: ServiceSettings) -> None:
        """Have a browser keep the name of a new client."""
        if self.is_new and self.may_build:
            keep(response, COOKIE, self.name.removeprefix("anybody "), settings)


def client_of(connection: HTTPConnection, settings: ServiceSettings) -> Client:
    """Return who asks."""
    place = connection.client.host if connection.client else "here"
    if settings.tokens:
        name = token_name(_token(connection), settings)
        if name is None:
            return Client(name="nobody", place=place, may_build=False)
        return Client(name=f"token {name}", place=f"token {name}", may_build=True)
    known = connection.cookies.get(COOKIE, "")
    is_new = not (len(known) == 32 and known.isalnum())
    return Client(
        name=f"anybody {secrets.token_hex(16) if is_new else known}", place=place, may_build=True, is_new=is_new
    )


def token_name(token: str, settings: ServiceSettings) -> str | None:
    """Return the name of a token, or None if it is not one of the service."""
    digest = hashlib.sha256(token[:_LONGEST].encode("utf-8", "replace")).hexdigest()
    found = [name for known, name in settings.tokens.items() if hmac.compare_digest(known, digest)]
    return found[0] if found else None


def keep(response: Response, name: str, value: str, settings: ServiceSettings) -> None:
    """Have a browser keep a value that no script and no other site gets."""
    secure = settings.address.startswith("https:")
    response.set_cookie(name, value, max_age=_YEAR, httponly=True, samesite="strict", secure=secure)


def _token(connection: HTTPConnection) -> str:
    kind, _, token = connection.headers.get("authorization", "").partition(" ")
    return token.strip() if kind.casefold() == "bearer" else connection.cookies.get(TOKEN_COOKIE, "")

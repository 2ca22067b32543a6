"""Requests to a service: each ends in bounded time with an answer of bounded size, or with one error.

Proxies and certificates come from the environment, as for all downloads. Redirects are not followed: an address is
what the user trusts. After the first answer, a lost connection is no error at once: the service may have been
restarted, so it is asked again for some time.
"""

from __future__ import annotations

import http.client
import random
import secrets
import ssl
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from onebin.client.wire.answers import error_of
from onebin.errors import OnebinError, ServiceError
from onebin.system import tell, visible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from onebin.client.wire.address import Address

T = TypeVar("T")
LARGEST = 4_000_000  # bytes of an answer that is no file
_SILENCE = 30.0  # seconds
_WHOLE = 120.0  # seconds for an answer that is no file
_CHUNK = 65536
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 10.0  # seconds
_BUSY = frozenset({429, 502, 503, 504})
_CHECK = "check the address, and whether the service runs"


class Lost(Exception):  # noqa: N818  # it is handled, and `error` is what it becomes
    """An answer did not come, or not to its end, and may come if it is asked for again, `after` so many seconds."""

    def __init__(self, error: OnebinError, after: float = 0.0) -> None:
        super().__init__(error.message)
        self.error = error
        self.after = after


class _AsItIs(urllib.request.HTTPErrorProcessor):
    """Has every answer returned as it is: none is an exception, and no redirect is followed."""

    def http_response(self, request: urllib.request.Request, response: Any) -> Any:  # noqa: ARG002  # urllib's signature
        return response

    https_response = http_response


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a service answered: the status, the headers by their names in lower case, and the whole content."""

    status: int
    headers: Mapping[str, str]
    content: bytes


class Connection:
    """A way to one service, as one client of it.

    `patience` is how many seconds a service that has answered once may give no answer. `token` proves who asks.
    """

    def __init__(self, address: Address, *, agent: str, token: str | None = None, patience: float = 120.0) -> None:
        self.address, self.patience = address, patience
        self._token = token
        # A service without tokens knows its clients by this; one that it had to give could be lost with its answer.
        self._name = secrets.token_hex(16)
        self._agent = agent
        self._has_answered = False
        self._heard = 0.0
        self._opener = urllib.request.build_opener(
            _AsItIs,
            urllib.request.HTTPSHandler(context=ssl.create_default_context()),
        )

    def ask(
        self,
        url: str,
        *,
        method: str = "GET",
        data: bytes | None = None,
        most: int = LARGEST,
        known: frozenset[int] = frozenset(),
    ) -> Answer:
        """Return the answer to a request; raises ServiceError.

        Any status of 400 or more is an error, unless it is one of `known`.
        """

        def once() -> Answer:
            with self.opened(url, method=method, data=data, known=known) as response:
                return Answer(
                    status=response.status,
                    headers={name.lower(): value for name, value in response.headers.items()},
                    content=_content(response, most, self.address),
                )

        return self.patiently(once)

    def tell_once(self, url: str, *, method: str, seconds: float) -> None:
        """Send a request once, and do not wait long for the answer; raises ServiceError and Lost."""
        with self.opened(url, method=method, seconds=seconds):
            pass

    def patiently(self, ask: Callable[[], T]) -> T:
        """Return what `ask` returns; if it raises Lost, call it again after a pause, until patience is at its end."""
        pause = _FIRST_PAUSE
        self.hear()
        while True:
            try:
                return ask()
            except Lost as lost:
                wait = max(pause * random.uniform(0.75, 1.25), lost.after)  # noqa: S311  # so that not all ask at once
                if not self._has_answered or time.monotonic() + wait > self._heard + self.patience:
                    raise lost.error from lost
                tell(f"{lost.error.message}; asking again in {wait:.0f} s", is_waiting=True)
                time.sleep(wait)
                pause = min(2 * pause, _LONGEST_PAUSE)

    def hear(self) -> None:
        """Note that the service lives: patience begins anew."""
        self._heard = time.monotonic()

    @contextmanager
    def opened(
        self,
        url: str,
        *,
        method: str = "GET",
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        known: frozenset[int] = frozenset(),
        seconds: float = _SILENCE,
    ) -> Iterator[http.client.HTTPResponse]:
        """Provide the answer of a service that may be silent for so many seconds; raises ServiceError and Lost.

        Errors of the connection in the block become Lost, too.
        """
        whole = {"Accept": "application/json", "User-Agent": self._agent, **(headers or {})}
        if self._token is not None:
            whole["Authorization"] = f"Bearer {self._token}"
        else:
            whole["Cookie"] = f"onebin-client={self._name}"
        if data is not None:
            whole["Content-Type"] = "application/json"
        request = urllib.request.Request(url, data=data, headers=whole, method=method)  # noqa: S310  # an Address has a scheme that was checked
        try:
            with self._opener.open(request, timeout=seconds) as response:
                self._check(response, known)
                yield response
        except (http.client.HTTPException, ssl.SSLError, OSError) as error:
            raise self._failed(error, seconds) from error

    def _check(self, response: http.client.HTTPResponse, known: frozenset[int]) -> None:
        """Raise what a status means."""
        status = response.status
        if 300 <= status < 400:
            there = visible(response.headers.get("Location", "")[:200])
            hint = f"if you trust that address, ask it: {there}" if there else _CHECK
            raise ServiceError(f"{self.address} leads to another address (HTTP {status})", hint)
        if status < 400 or status in known:
            self._has_answered = True
            return
        error = error_of(self.address, status, _content(response, LARGEST, self.address))
        if status in _BUSY:
            self._has_answered = self._has_answered or status in {429, 503}
            raise Lost(error, _seconds(response.headers.get("Retry-After")))
        raise error

    def _failed(self, error: Exception, seconds: float) -> Exception:
        """Return what an error of the connection means: Lost, or ServiceError if it will not go away."""
        cause = error.reason if isinstance(error, urllib.error.URLError) else error
        if isinstance(cause, ssl.SSLCertVerificationError):
            hint = "if its certificate is one of your organisation, set SSL_CERT_FILE to the file of those you trust"
            return ServiceError(f"the certificate of {self.address} cannot be trusted: {cause.verify_message}", hint)
        if isinstance(cause, ssl.SSLError) and not isinstance(cause, ssl.SSLEOFError | ssl.SSLZeroReturnError):
            hint = "if it is a service without encryption, write http:// instead"
            return ServiceError(f"there is no encrypted connection to {self.address}: {cause.reason}", hint)
        is_gibberish = isinstance(cause, http.client.HTTPException) and not isinstance(
            cause, http.client.IncompleteRead | http.client.RemoteDisconnected
        )
        if is_gibberish:
            return ServiceError(f"{self.address} does not speak HTTP", _CHECK)
        if isinstance(cause, TimeoutError):
            what = f"{self.address} was silent for {seconds:g} s"
        elif isinstance(cause, http.client.IncompleteRead | ConnectionResetError | BrokenPipeError):
            what = f"the connection to {self.address} was lost"
        else:
            what = f"{self.address} cannot be reached: {getattr(cause, 'strerror', None) or cause}"
        return Lost(ServiceError(what, _CHECK))


def _content(response: http.client.HTTPResponse, most: int, address: Address) -> bytes:
    """Return the whole content of an answer; raises ServiceError if it is too long or takes too long."""
    parts, size, until = [], 0, time.monotonic() + _WHOLE
    while chunk := response.read1(_CHUNK):
        parts.append(chunk)
        size += len(chunk)
        if size > most or time.monotonic() > until:
            raise ServiceError(f"an answer of {address} does not end: {size:,} bytes so far", _CHECK)
    if response.length:  # of a promised length, so much did not come
        raise http.client.IncompleteRead(b"", response.length)
    return b"".join(parts)


def _seconds(text: str | None) -> float:
    """Return how long a service asks to wait; a date, or nonsense, is as if it had said nothing."""
    return float(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 6 else 0.0

"""Download files by URL; a file gets its name only after its SHA-256 was checked.

Takes URLs with digests and writes complete files. Raises DownloadError, in bounded time, for anything that the network
or a server does wrong: silence for longer than the timeout, a response without an end, a hash mismatch.

Proxies come from the environment, credentials from uv's settings (see `credentials`).
"""

from __future__ import annotations

import hashlib
import http.client
import os
import ssl
import tempfile
import time
import urllib.error
import urllib.request
from base64 import b64encode
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from onebin.system import credentials_for, sha256_of_file, without_credentials

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO

_CHUNK = 1024 * 1024
_LARGEST = 8 * 1024**3
_LONGEST_SECONDS = 3600.0
_TRIES = 3
_TIMEOUT_VARIABLE = "UV_HTTP_TIMEOUT"
_SCHEMES = ("https", "http", "file")


class DownloadError(Exception):
    """A file cannot be downloaded; the text says why, without the URL."""


def fetch(url: str, file: Path, *, sha256: str) -> None:
    """Download one file, or do nothing if it exists; raises DownloadError and OSError.

    The file gets its name only when it is complete and its digest is right.
    """
    if file.is_file() and sha256_of_file(file) == sha256:
        return
    with tempfile.NamedTemporaryFile(dir=file.parent, prefix=f".{file.name}.", suffix=".partial", delete=False) as out:
        try:
            _retried(url, out.file, sha256)
            out.close()
            Path(out.name).chmod(0o644)
            Path(out.name).replace(file)
        except BaseException:
            Path(out.name).unlink()
            raise


def read_url(url: str, *, accept: str, most: int, until: float) -> bytes:
    """Return the answer of a server, of at most so many bytes, before a moment of the monotonic clock.

    `accept` is the media type that is wanted. It is asked once only. Raises DownloadError.
    """
    parts, size = [], 0
    try:
        left = until - time.monotonic()
        if left <= 0:
            raise DownloadError("there is no time left")
        with _requested(url, min(timeout_seconds(), left), accept=accept) as answer:
            while chunk := answer.read1(_CHUNK):
                parts.append(chunk)
                size += len(chunk)
                if size > most or time.monotonic() > until:
                    raise DownloadError(f"the response does not end: {size} bytes so far")
    except urllib.error.HTTPError as error:
        error.close()
        raise DownloadError(_http_reason(error.code, error.reason)) from error
    except (http.client.HTTPException, ssl.SSLError, OSError) as error:
        raise DownloadError(_reason(error)) from error
    return b"".join(parts)


def timeout_seconds() -> float:
    """Return how long a server may be silent, in seconds; this is uv's setting."""
    try:
        return float(os.environ.get(_TIMEOUT_VARIABLE) or 30)
    except ValueError:
        return 30.0


def _retried(url: str, out: IO[bytes], sha256: str) -> None:
    """Download to an open file, retrying after errors that may be temporary."""
    for trial in range(1, _TRIES + 1):
        out.seek(0)
        out.truncate()
        try:
            found = _received(url, out)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code < 500 or trial == _TRIES:
                raise DownloadError(_http_reason(error.code, error.reason)) from error
        except (http.client.HTTPException, urllib.error.URLError, ssl.SSLError, TimeoutError, ConnectionError) as error:
            if trial == _TRIES:
                raise DownloadError(_reason(error)) from error
        else:
            if found != sha256:
                raise DownloadError(f"hash mismatch: its SHA-256 is {found}, but the lock says {sha256}")
            return
        time.sleep(0.3 * trial)


def _received(url: str, out: IO[bytes]) -> str:
    digest = hashlib.sha256()
    with _requested(url, timeout_seconds()) as answer:
        for chunk in _chunks(answer):
            digest.update(chunk)
            out.write(chunk)
    return digest.hexdigest()


def _requested(url: str, seconds: float, **headers: str) -> Any:
    """Return the open answer of a server that may be silent for so many seconds."""
    if urlsplit(url).scheme not in _SCHEMES:
        raise DownloadError(f"onebin does not download from URLs with this scheme: {urlsplit(url).scheme}")
    request = urllib.request.Request(without_credentials(url), headers=headers)  # noqa: S310  # the scheme was checked
    login = credentials_for(url, os.environ)
    if login:  # not sent to another server after a redirect
        request.add_unredirected_header("Authorization", f"Basic {b64encode(login.encode()).decode()}")
    return urllib.request.urlopen(request, timeout=seconds)  # noqa: S310  # the scheme was checked


def _chunks(answer: http.client.HTTPResponse) -> Iterator[bytes]:
    """Yield what a server sends, until the end or the size limit."""
    promised = int(answer.headers.get("Content-Length") or -1)
    size, deadline = 0, time.monotonic() + _LONGEST_SECONDS
    while chunk := answer.read1(_CHUNK) if hasattr(answer, "read1") else answer.read(_CHUNK):
        size += len(chunk)
        if size > _LARGEST or time.monotonic() > deadline:
            raise DownloadError(f"the response does not end: {size} bytes so far")
        yield chunk
    if promised >= 0 and size != promised:
        raise http.client.IncompleteRead(b"", promised - size)


def _http_reason(code: int, reason: str) -> str:
    if code in {401, 403}:
        return f"the server needs credentials, or rejects the ones it got (HTTP {code})"
    return f"the server answered with HTTP {code} {reason}"


def _reason(error: Exception) -> str:
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(cause, TimeoutError):
        return f"the server was silent for {timeout_seconds():g} s"
    if isinstance(cause, http.client.IncompleteRead):
        return "the connection was closed before the end of the file"
    return f"the server is unreachable or does not speak HTTP: {str(cause) or type(cause).__name__}"

"""Download files by their addresses, each checked against its SHA-256 before it has its name.

Enters: addresses with digests. Leaves: the files, whole. Refuses: whatever the network and servers do wrong, in bounded
time: a server that is silent for longer than the timeout, a file that does not end, other bytes.

Proxies are those of the environment, logins are those of uv's settings (see `credentials`).
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
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from onebin.system import login_for, sha256_of_file, without_login

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
    """A file cannot be had; the text says why, without its address."""


def fetch(url: str, file: Path, *, sha256: str) -> None:
    """Download one file, or do nothing if it is there; raises DownloadError and OSError.

    Until every byte is there and has the digest, the file does not have its name.
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


def timeout_seconds() -> float:
    """Return how long a server may be silent: uv's own setting."""
    try:
        return float(os.environ.get(_TIMEOUT_VARIABLE) or 30)
    except ValueError:
        return 30.0


def _retried(url: str, out: IO[bytes], sha256: str) -> None:
    """Download to an open file, trying again after what may pass."""
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
                raise DownloadError(f"its bytes are not what the lock says: SHA-256 {found}, not {sha256}")
            return
        time.sleep(0.3 * trial)


def _received(url: str, out: IO[bytes]) -> str:
    if urlsplit(url).scheme not in _SCHEMES:
        raise DownloadError(f"it has an address of a kind that onebin does not fetch: {urlsplit(url).scheme}")
    request = urllib.request.Request(without_login(url))  # noqa: S310  # the scheme was looked at
    login = login_for(url, os.environ)
    if login:  # not sent on to wherever the server may point
        request.add_unredirected_header("Authorization", f"Basic {b64encode(login.encode()).decode()}")
    digest = hashlib.sha256()
    with urllib.request.urlopen(request, timeout=timeout_seconds()) as answer:  # noqa: S310  # the scheme was looked at
        for chunk in _chunks(answer):
            digest.update(chunk)
            out.write(chunk)
    return digest.hexdigest()


def _chunks(answer: http.client.HTTPResponse) -> Iterator[bytes]:
    """Yield what a server sends, until its end or until it is too much."""
    promised = int(answer.headers.get("Content-Length") or -1)
    size, deadline = 0, time.monotonic() + _LONGEST_SECONDS
    while chunk := answer.read1(_CHUNK) if hasattr(answer, "read1") else answer.read(_CHUNK):
        size += len(chunk)
        if size > _LARGEST or time.monotonic() > deadline:
            raise DownloadError(f"the server does not come to an end: {size} bytes so far")
        yield chunk
    if promised >= 0 and size != promised:
        raise http.client.IncompleteRead(b"", promised - size)


def _http_reason(code: int, reason: str) -> str:
    if code in {401, 403}:
        return f"the server wants a login, or refuses the one that it got (HTTP {code})"
    return f"the server answered with HTTP {code} {reason}"


def _reason(error: Exception) -> str:
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(cause, TimeoutError):
        return f"the server was silent for {timeout_seconds():g} s"
    if isinstance(cause, http.client.IncompleteRead):
        return "the connection ended before the file did"
    return f"the server cannot be reached or does not speak HTTP: {str(cause) or type(cause).__name__}"

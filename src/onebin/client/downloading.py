"""Download the files of a build: the artifact into a draft, going on where a lost connection ended; others whole."""

from __future__ import annotations

import re
import time
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from onebin.client.wire import Lost
from onebin.errors import ArtifactError, PackError, ServiceError, os_errors
from onebin.system import sha256_of_file, tell

if TYPE_CHECKING:
    import http.client
    from collections.abc import Iterator
    from pathlib import Path

    from onebin.client.wire import BuildAnswer, Connection

_CHUNK = 256 * 1024
_LONGEST = 3600.0  # seconds for a whole artifact
_RANGE = re.compile(r"bytes (\d{1,18})-\d{1,18}/(?:\d{1,18}|\*)")
_AGAIN = "ask again; if that does not help, tell whoever runs the service"


def download_artifact(connection: Connection, build: BuildAnswer, draft: Path) -> None:
    """Download the artifact of a build that is done; raises ServiceError, ArtifactError and PackError.

    What is in the draft already is not downloaded again.
    """
    size, sha256, url = build.get("size"), build.get("sha256"), build.get("files", {}).get("artifact")
    if size is None or sha256 is None or url is None:
        raise ServiceError(f"{connection.address} says that the build is done, but not where its file is", _AGAIN)
    with os_errors(PackError, "write", draft):
        draft.touch()
    _Download(connection, connection.address.on_server(url), draft, size, sha256).to_the_end()
    if (found := sha256_of_file(draft)) != sha256:
        what = f"{connection.address} sent another file than it had announced: sha256:{found}, not sha256:{sha256}"
        raise ArtifactError(what, _AGAIN)


def download_small(connection: Connection, build: BuildAnswer, name: str, *, most: int) -> bytes | None:
    """Return the content of another file of a build, by its name among those; None if there is none."""
    url = build.get("files", {}).get(name)
    return None if url is None else connection.ask(connection.address.on_server(url), most=most).content


class _Download:
    """One artifact on its way into a draft."""

    def __init__(self, connection: Connection, url: str, draft: Path, size: int, sha256: str) -> None:
        self._connection, self._url, self._draft = connection, url, draft
        self._size, self._sha256 = size, sha256
        self._until = time.monotonic() + _LONGEST

    def to_the_end(self) -> None:
        """Ask for what is missing until nothing is; each part that came counts as an answer."""
        while self._has() < self._size:
            self._connection.patiently(self._read)

    def _has(self) -> int:
        with os_errors(PackError, "read", self._draft):
            return self._draft.stat().st_size

    def _read(self) -> None:
        has = self._has()
        etag = f'"{self._sha256}"'
        headers = {
            "Accept": "application/octet-stream",
            **({"Range": f"bytes={has}-", "If-Range": etag} if has else {}),
        }
        try:
            with self._connection.opened(self._url, headers=headers) as response:
                self._write(response, self._start(response, has))
        except Lost:
            if self._has() == has:
                raise
            tell("the connection was lost; going on where it ended", is_waiting=True)

    def _start(self, response: http.client.HTTPResponse, has: int) -> int:
        """Return the byte at which an answer begins."""
        if response.status != 206:
            return 0
        found = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if found is None or int(found[1]) != has:
            raise ServiceError(f"{self._connection.address} sent another part of the file than was asked for", _AGAIN)
        return has

    @contextmanager
    def _opened(self) -> Iterator[IO[bytes]]:
        """Provide the draft for writing; what the disk refuses at its end is not an error of the connection."""
        with os_errors(PackError, "write", self._draft):
            out = self._draft.open("r+b")
        try:
            yield out
        finally:
            with os_errors(PackError, "write", self._draft):
                out.close()

    def _write(self, response: http.client.HTTPResponse, start: int) -> None:
        """Write what comes, from a byte on; raises Lost if the end is missing."""
        has = start
        with self._opened() as out:
            with os_errors(PackError, "write", self._draft):
                out.seek(start)
                out.truncate()
            while chunk := response.read1(_CHUNK):
                has += len(chunk)
                if has > self._size or time.monotonic() > self._until:
                    what = "more than it had announced" if has > self._size else "it too slowly"
                    raise ServiceError(f"{self._connection.address} sent {what}: {has:,} bytes so far", _AGAIN)
                with os_errors(PackError, "write", self._draft):
                    out.write(chunk)
                tell("the artifact", done=has, total=self._size)
        if has < self._size:
            if response.length == 0:  # the whole answer is there
                raise ServiceError(f"{self._connection.address} sent less than it had announced: {has:,} bytes", _AGAIN)
            raise Lost(ServiceError(f"the connection to {self._connection.address} was lost", _AGAIN))

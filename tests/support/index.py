"""A package index on this machine (PEP 503) that can require a login and simulate the faults of servers.

Once it has attestations (PEP 740), it also speaks JSON (PEP 691).
"""

from __future__ import annotations

import hashlib
import json
import socket
import threading
from base64 import b64encode
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Literal

from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Faults of a download, in order: the connection ends halfway; half of the file, with the length of that half; other
# bytes of the same length; bytes without an end; no answer at all; one byte per second; a page that asks for a login; a
# text. A number is an HTTP status.
Fault = Literal["cut", "short", "other", "endless", "silent", "slow", "login", "text"]

_JSON = "application/vnd.pypi.simple.v1+json"
_LOGIN_PAGE = b"""<!DOCTYPE html><html><head><title>Sign in</title></head><body><form action="/login">
<input name="user"><input name="password" type="password"><a href="/help">Help</a></form></body></html>"""


@dataclass
class Index:
    """The files and faults of the index, which a test may change at any time.

    `fault` applies to downloads, `page_fault` to the pages that list them, `attestation_fault` to attestations. `seen`
    lists the requested paths, `logins` who has asked. `attested_at` is the URL of an index that has the attestations.
    """

    url: str
    login: str | None = None
    fault: Fault | int | None = None
    page_fault: Fault | int | None = None
    attestation_fault: Fault | int | None = None
    files: dict[str, bytes] = field(default_factory=dict)
    attestations: dict[str, bytes] = field(default_factory=dict)
    stated: dict[str, str] = field(default_factory=dict)
    attested_at: str | None = None
    seen: list[str] = field(default_factory=list)
    logins: list[str | None] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def add(self, file: Path) -> None:
        """Serve a wheel or source distribution with its current digest."""
        self.files[file.name] = file.read_bytes()
        self.stated[file.name] = hashlib.sha256(self.files[file.name]).hexdigest()

    def attest(self, name: str) -> bytes:
        """Have attestations of a file, and return them; their signatures are none."""
        publisher = {"kind": "GitHub", "repository": "example/example", "workflow": "release.yml"}
        bundle = {"publisher": publisher, "attestations": [{"version": 1, "envelope": {"statement": name}}]}
        self.attestations[name] = json.dumps({"version": 1, "attestation_bundles": [bundle]}).encode()
        return self.attestations[name]

    def change(self, name: str, content: bytes) -> None:
        """Serve other bytes with their digest under an existing name, as a compromised index would."""
        self.files[name] = content
        self.stated[name] = hashlib.sha256(content).hexdigest()

    @property
    def with_login(self) -> str:
        """The URL with the login in it."""
        return self.url.replace("://", f"://{self.login}@")

    def page(self, package: str) -> bytes | None:
        """Return the page of a package, or None if the index does not have the package."""
        names = self._names(package)
        rows = "".join(f'<a href="../../files/{name}#sha256={self.stated[name]}">{name}</a>\n' for name in names)
        return f"<!DOCTYPE html><html><body>{rows}</body></html>".encode() if names else None

    def data(self, package: str) -> bytes | None:
        """Return the page of a package as JSON, or None if the index does not have the package."""
        names = self._names(package)
        rows = [{"filename": name, "url": f"../../files/{name}", **self._more(name)} for name in names]
        meta = {"api-version": "1.3"}
        return json.dumps({"meta": meta, "name": package, "files": rows}).encode() if names else None

    def _more(self, name: str) -> dict[str, object]:
        place = (self.attested_at or self.url).replace("/simple", f"/integrity/{name}")
        address = place if name in self.attestations else None
        return {"hashes": {"sha256": self.stated[name]}, "provenance": address}

    def _names(self, package: str) -> list[str]:
        return [name for name in self.files if canonicalize_name(name.partition("-")[0]) == package]


@contextmanager
def serving() -> Iterator[Index]:
    """Run an empty index during the block."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

        def do_HEAD(self) -> None:  # the library's name
            _answer(self, index, with_body=False)

        def do_GET(self) -> None:  # the library's name
            _answer(self, index, with_body=True)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    index = Index(url=f"http://127.0.0.1:{server.server_address[1]}/simple")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield index
    finally:
        index.over.set()
        server.shutdown()
        thread.join()
        server.server_close()


def _answer(handler: BaseHTTPRequestHandler, index: Index, *, with_body: bool) -> None:
    index.seen.append(handler.path)
    index.logins.append(handler.headers.get("Authorization"))
    expected = b64encode((index.login or "").encode()).decode()
    if index.login and handler.headers.get("Authorization") != f"Basic {expected}":
        handler.send_response(401)
        handler.send_header("WWW-Authenticate", "Basic")
        handler.send_header("Content-Length", "0")
        handler.end_headers()
        return
    *_, folder, name = handler.path.rstrip("/").split("/")
    content, fault = _content(index, folder, name, wants_json=_JSON in handler.headers.get("Accept", ""))
    if fault in {"login", "text"}:
        content = _LOGIN_PAGE
    try:
        _send(handler, content, 404 if content is None else fault, index.over, with_body=with_body)
    except (BrokenPipeError, ConnectionResetError):
        handler.close_connection = True


def _content(index: Index, folder: str, name: str, *, wants_json: bool) -> tuple[bytes | None, Fault | int | None]:
    """Return what is at an address, and the fault of that."""
    if folder == "simple":
        page = index.data(name) if wants_json and index.attestations else index.page(name)
        return page, index.page_fault
    if folder == "integrity":
        return index.attestations.get(name), index.attestation_fault
    return index.files.get(name), index.fault


def _send(
    handler: BaseHTTPRequestHandler,
    content: bytes | None,
    fault: Fault | int | None,
    over: threading.Event,
    *,
    with_body: bool,
) -> None:
    if fault == "silent":
        over.wait()
        return
    body = content or b""
    if fault == "other":
        body = bytes(byte ^ 0x55 for byte in body)
    if fault == "short":
        body = body[: len(body) // 2]
    handler.send_response(fault if isinstance(fault, int) else 200)
    kind = "text/html" if body.startswith(b"<!") else _JSON if body.startswith(b"{") else "application/octet-stream"
    handler.send_header("Content-Type", "text/plain" if fault == "text" else kind)
    if fault != "endless":
        handler.send_header("Content-Length", "0" if isinstance(fault, int) else str(len(body)))
    else:
        handler.send_header("Connection", "close")
    handler.end_headers()
    if with_body and not isinstance(fault, int):
        _send_body(handler, body, fault, over)


def _send_body(handler: BaseHTTPRequestHandler, body: bytes, fault: Fault | None, over: threading.Event) -> None:
    if fault == "cut":
        handler.wfile.write(body[: len(body) // 2])
        handler.wfile.flush()
        handler.close_connection = True
        handler.connection.shutdown(socket.SHUT_RDWR)
        return
    if fault == "slow":
        for position in range(len(body)):  # ends with the test
            handler.wfile.write(body[position : position + 1])
            if over.wait(1):
                return
    handler.wfile.write(body)
    while fault == "endless" and not over.is_set():
        handler.wfile.write(bytes(65536))

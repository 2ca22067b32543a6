"""A server on this machine that speaks like a build service, and does wrong what a real one would not.

What a service does right is tested with a real one; see test_fetch.py.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import os
import socket
import ssl
import struct
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

import onebin

from .attested import attestable
from .reports import facts, plugin, write_artifact

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from onebin.card import Facts

    from .attested import Key

BUILD = "0123456789abcdef"
Answer = tuple[int, "Mapping[str, str]", bytes]


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A request: its method, its path below `/prefix`, if that is in it, and its headers, by their names in lower case.

    `raw` is what it asks for as it came.
    """

    method: str
    path: str
    raw: str
    headers: Mapping[str, str]


@dataclass(kw_only=True)
class Service:
    """What the server answers, which a test may change at any time.

    `faults` are answers in place of the usual ones, by method and path, each of which is used once unless it is in
    `lasting`. `cut_at` has the bytes after which answers with the artifact end, one for each answer; `streams` has the
    events of each stream, and one that has none of its own ends the build. `range_error` is added to where a part
    begins. A stream lasts for `stream_seconds`, and if there are any, its connection is reset at the end.
    """

    url: str
    files: dict[str, bytes]
    build: dict[str, Any]
    public_key: bytes | None
    catalogue: dict[str, Any]
    faults: dict[str, list[Answer]] = field(default_factory=dict)
    lasting: dict[str, Answer] = field(default_factory=dict)
    cut_at: list[int] = field(default_factory=list)
    streams: list[bytes] = field(default_factory=list)
    takes_ranges: bool = True
    range_error: int = 0
    stream_seconds: float = 0.0
    seen: list[Seen] = field(default_factory=list)

    def asked(self, method: str, path: str) -> list[Seen]:
        """Return the requests with a method and a path, in order."""
        return [each for each in self.seen if (each.method, each.path) == (method, path)]

    def answer(self, method: str, path: str) -> Answer:
        """Return what is answered to a request, but for streams and the artifact."""
        name = f"{method} {path}"
        if self.faults.get(name):
            return self.faults[name].pop(0)
        if name in self.lasting:
            return self.lasting[name]
        builds = {"POST /builds", f"GET /builds/{BUILD}", f"DELETE /builds/{BUILD}"}
        if name in builds:
            return as_json(self.build)
        if name == "GET /catalogue":
            return as_json(self.catalogue)
        if name == "GET /key" and self.public_key is not None:
            return 200, {"Content-Type": "text/plain"}, self.public_key
        found = self.files.get(path.rpartition("/")[2])
        return as_error(404, "there is nothing") if found is None else (200, {}, found)


def as_json(data: Any, status: int = 200) -> Answer:
    """Return an answer in JSON."""
    return status, {"Content-Type": "application/json"}, json.dumps(data).encode()


def as_error(status: int, message: str, **more: Any) -> Answer:
    """Return an error as a service has it."""
    return as_json({"error": {"message": message, "hint": "a hint", **more}}, status)


def event(kind: str, data: Any, number: int | None = None) -> bytes:
    """Return an event of a stream."""
    return (f"id: {number}\n" if number else "").encode() + f"event: {kind}\ndata: {json.dumps(data)}\n\n".encode()


def card_of(*, version: str = "1", python: str = "3.12.1", **changed: Any) -> Facts:
    """Return the facts of an artifact of the host `x` with the plugin `index`, whose version can be chosen."""
    base = attestable()
    rows = [{**row, "version": version} if row["name"] == "index" else row for row in base["distributions"]]
    interpreter = {**base["interpreter"], "version": python}
    plugins = [{**plugin("index"), "version": version}]
    return facts(**{**base, "interpreter": interpreter, "plugins": plugins, "distributions": rows, **changed})


@contextmanager
def serving(folder: Path, key: Key | None, *, certificate: Path | None = None) -> Iterator[Service]:
    """Serve an artifact that is built already, and signed with a key, until the end of the block.

    With a certificate and its key in a file, it speaks HTTPS.
    """
    server = _Server(("127.0.0.1", 0), _Handler)
    url = f"http://127.0.0.1:{server.server_port}"
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        url = f"https://127.0.0.1:{server.server_port}"
    server.service = Service(
        url=url,
        files={},
        build={},
        public_key=None if key is None else key.public_file.read_bytes(),
        catalogue={"title": "t", "hosts": [{"name": "x", "platforms": ["linux-x86_64"]}]},
    )
    offer(server.service, folder, key, card_of())
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server.service
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def offer(service: Service, folder: Path, key: Key | None, said: Facts) -> None:
    """Have a service build another artifact from now on."""
    folder.mkdir(exist_ok=True)
    file = write_artifact(folder / "x", said)
    service.files = {"x": file.read_bytes(), "x.card.json": json.dumps(said).encode()}
    if key is not None:
        attestor = replace(key.attestor, builder=service.url)
        service.files["x.intoto.jsonl"] = onebin.attest(file, said, attestor).file.read_bytes()
    names = {"artifact": "x", "provenance": "x.intoto.jsonl", "card": "x.card.json"}
    service.build = {
        "id": BUILD,
        "state": "done",
        "order": {
            "host": "x",
            "version": None,
            "plugins": ["index"],
            "python": "3.12",
            "platform": "linux-x86_64",
        },
        "position": None,
        "step": "",
        "doing": "",
        "file": "x",
        "sha256": hashlib.sha256(service.files["x"]).hexdigest(),
        "size": len(service.files["x"]),
        "files": {kind: f"/builds/{BUILD}/files/{name}" for kind, name in names.items() if name in service.files},
        "error": None,
    }


def make_certificate(file: Path) -> Path:
    """Write a certificate for this machine, which nobody else has signed, with its key."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "here")])
    now, here = datetime.now(UTC), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([here]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(private + made.public_bytes(Encoding.PEM))
    return file


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    service: Service

    def handle_error(self, request: object, client_address: object) -> None:
        """Be silent: clients go away in the middle."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        """Answer."""
        self._answer("GET")

    def do_POST(self) -> None:
        """Answer, after reading what is asked for."""
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self._answer("POST")

    def do_DELETE(self) -> None:
        """Answer."""
        self._answer("DELETE")

    def _answer(self, method: str) -> None:
        service, path = self.server.service, urlsplit(self.path).path.removeprefix("/prefix")
        service.seen.append(
            Seen(
                method=method,
                path=path,
                raw=self.path,
                headers={name.lower(): value for name, value in self.headers.items()},
            )
        )
        status, headers, content = service.answer(method, path) if not path.endswith("/events") else (200, {}, b"")
        if path.endswith("/events"):
            self._stream(service)
        elif path.endswith("/files/x") and status == 200:
            self._send_artifact(service, content)
        else:
            self._send(status, headers, content)

    def _stream(self, service: Service) -> None:
        if service.streams:
            content = service.streams.pop(0)
        else:
            service.build = {**service.build, "state": "done"}
            content = event("state", service.build) + event("end", {})
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(content)
        if service.stream_seconds:
            until, service.stream_seconds = time.monotonic() + service.stream_seconds, 0.0
            while time.monotonic() < until:
                time.sleep(0.1)
                self.wfile.write(b": still here\n\n")
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            os.close(self.connection.detach())

    def _send_artifact(self, service: Service, content: bytes) -> None:
        start, status, headers = 0, 200, {"ETag": f'"{service.build["sha256"]}"'}
        if service.takes_ranges and self.headers.get("Range"):
            start, status = int(self.headers["Range"].removeprefix("bytes=").rstrip("-")), 206
            headers["Content-Range"] = f"bytes {start + service.range_error}-{len(content) - 1}/{len(content)}"
        end = service.cut_at.pop(0) if service.cut_at else None
        self._send(status, headers, content[start:], shown=None if end is None else content[start:end])

    def _send(self, status: int, headers: Mapping[str, str], content: bytes, *, shown: bytes | None = None) -> None:
        """Send an answer; if only a part of it is to be shown, the connection ends after that."""
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content if shown is None else shown)
        self.close_connection = shown is not None or self.close_connection

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the signature of http.server
        """Be silent."""

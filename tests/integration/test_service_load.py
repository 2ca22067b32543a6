"""A build service with many clients that stay: some read an artifact slowly, and others watch a build."""

from __future__ import annotations

import socket
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import psutil
import pytest

from support.services import ONLY_LINUX, PLUGINS, Serving, Sleeper, service_bench, serving, write_catalogue

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.network, ONLY_LINUX]

_CLIENTS = 300


@contextmanager
def _asking(service: Serving, path: str, number: int) -> Iterator[list[socket.socket]]:
    """Open connections that have asked for something, and read the beginning of an answer on each."""
    host, port = service.address.removeprefix("http://").split(":")
    with ExitStack() as stack:
        asked = [stack.enter_context(socket.create_connection((host, int(port)), timeout=60)) for _ in range(number)]
        for each in asked:
            each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            each.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        for each in asked:
            assert each.recv(64).startswith(b"HTTP/1.1 200 ")
        yield asked


def _rest(connection: socket.socket) -> bytes:
    """Return what else is answered, until the connection is closed."""
    with connection.makefile("rb") as file:
        return file.read()


def test_clients_that_read_slowly_cost_little_and_keep_nobody_waiting(tmp_path: Path, built: Path) -> None:
    """While 300 clients do not read on, others get the page and the artifact; then those get the rest of theirs."""
    bench = service_bench(tmp_path / "bench", built.parents[2] / "cache")
    write_catalogue(bench, *PLUGINS)
    with serving(bench, "--asks", "1000", "--rate", "100000") as service:
        client = service.client()
        build = client.built("greet-hello")
        path, size = build["files"]["artifact"], build["size"]
        process = psutil.Process(service.running.process.pid)
        before = process.memory_info().rss
        with _asking(service, path, _CLIENTS) as slow:
            assert client.get("/").status == 200
            assert len(client.get(path).body) == size
            assert process.memory_info().rss - before < _CLIENTS * 2**20 * 0.7
            assert all(len(_rest(each)) > size for each in slow[:3])


def test_many_may_watch_a_build(tmp_path: Path, built: Path) -> None:
    """With 300 streams open, other questions are answered, and each stream tells the end."""
    bench = service_bench(tmp_path / "bench", built.parents[2] / "cache")
    sleeper = Sleeper.of(bench)
    with serving(bench, "--asks", "1000", "--rate", "100000") as service:
        client = service.client()
        number = client.order("slow-import").json["id"]
        with _asking(service, f"/builds/{number}/events", _CLIENTS) as streams:
            assert client.get("/").status == 200
            sleeper.wake()
            assert client.ended(number)["state"] == "done"
            assert all(b"event: end" in _rest(each) for each in streams)

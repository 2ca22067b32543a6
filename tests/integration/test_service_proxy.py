"""A build service behind nginx, with the configuration of docs/deploy.md: only ports and certificates are others."""

from __future__ import annotations

import json
import re
import shutil
import sys
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPResponse
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from support.command import COMMAND
from support.farms import free_port
from support.processes import next_line, running
from support.projects import ROOT
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.bench import Bench

pytestmark = [
    pytest.mark.network,
    pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not on this machine"),
]

NAME, TOKEN = "builds.example.org", "a-token-of-more-than-16"
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


def _configuration(folder: Path, port: int, service: str) -> Path:
    """Write the configuration of the page, for a port of loopback and without TLS."""
    page = (ROOT / "docs" / "deploy.md").read_text("utf-8")
    block = re.search(r"```nginx\n(.*?)```", page, re.DOTALL)
    assert block is not None
    server = block[1].replace("listen 443 ssl;", f"listen 127.0.0.1:{port};").replace("127.0.0.1:8321", service)
    server = re.sub(r" *ssl_certificate.*\n", "", server)
    places = "".join(
        f"{kind}_temp_path {folder / kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    file = folder / "nginx.conf"
    own = f"daemon off;\npid {folder}/nginx.pid;\nerror_log stderr;\nevents {{}}\n"
    file.write_text(f"{own}http {{\naccess_log off;\n{places}{server}}}\n", "utf-8")
    return file


@contextmanager
def _proxied(bench: Bench, folder: Path) -> Iterator[int]:
    """Run a service that wants tokens, and nginx before it; provide the port of nginx."""
    rows = f'[hosts.tiny]\npath = "{bench.wheel("tinyhost")}"\nscript = "tinyhost"\ndescription = "A tiny host"\n'
    shared = f'[catalogue]\npythons = ["{PYTHON}"]\nplatforms = ["linux-x86_64"]\n'
    (bench.directory / "catalogue.toml").write_text(shared + rows, "utf-8")
    (bench.directory / "tokens").write_text(f"alice {TOKEN}\n", "utf-8")
    address: list[str | Path] = ["--port", "0", "--url", f"https://{NAME}", "--directory", folder / "state"]
    command: list[str | Path] = [*COMMAND, "serve", *address, "--tokens", "tokens", "--rate", "40"]
    port, whole_env = free_port(), bench.environment()
    with running(command, cwd=bench.directory, whole_env=whole_env, log=folder / "serve.log") as service:
        said = next_line(service.process)
        assert "offers 1 host" in said, service.said()
        own = _listening(service.process.pid)
        web: list[str | Path] = ["nginx", "-c", _configuration(folder, port, f"127.0.0.1:{own}")]
        with running(web, cwd=bench.directory, whole_env=whole_env, log=folder / "nginx.log") as proxy:
            wait_until(lambda: _is_open(port), what="nginx answers", seconds=30, running=proxy)
            yield port


def _listening(pid: int) -> int:
    """Return the port on which a process listens, which the service does not say if it has another address."""
    (found,) = [each.laddr.port for each in psutil.Process(pid).net_connections() if each.status == "LISTEN"]
    return int(found)


def _is_open(port: int) -> bool:
    with closing(HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
        try:
            connection.connect()
        except OSError:
            return False
    return True


@contextmanager
def _open(port: int, method: str, path: str, body: object = None, **headers: str) -> Iterator[HTTPResponse]:
    """Provide an answer that is still coming, to a question about something."""
    own = {"Host": NAME, "Accept": "application/json", "Content-Type": "application/json"}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with closing(HTTPConnection("127.0.0.1", port, timeout=120)) as connection:
        connection.request(method, path, None if body is None else json.dumps(body), {**own, **named})
        with closing(connection.getresponse()) as answer:
            yield answer


def _asked(port: int, method: str, path: str, body: object = None, **headers: str) -> tuple[int, bytes]:
    with _open(port, method, path, body, **headers) as answer:
        return answer.status, answer.read()


def _build(port: int, number: str) -> dict[str, Any]:
    return dict(json.loads(_asked(port, "GET", f"/builds/{number}")[1]))


def test_a_service_behind_the_proxy_of_the_page(warm_bench: Bench, tmp_path: Path) -> None:
    """Names, tokens, addresses of clients, streams of events and ranges of files come through as they should."""
    order = {"host": "tiny"}
    with _proxied(warm_bench, tmp_path) as port:
        assert _asked(port, "GET", "/metrics")[0] == 404
        assert _asked(port, "POST", "/builds", order)[0] == 401
        status, content = _asked(port, "POST", "/builds", order, Authorization=f"Bearer {TOKEN}")
        assert status == 201, content
        build = json.loads(content)
        assert build["address"] == f"https://{NAME}/builds/{build['id']}"

        states: list[str] = []
        with _open(port, "GET", f"/builds/{build['id']}/events") as stream:
            while line := stream.readline().decode():
                if line.startswith("data: ") and '"state": ' in line:
                    states.append(json.loads(line[6:])["state"])
                    if len(states) == 1:  # it comes while the build goes on, and not with all the others
                        assert _build(port, build["id"])["state"] in {"queued", "running"}
        assert states[0] in {"queued", "running"}
        assert states[-1] == "done"

        done = _build(port, build["id"])
        with _open(port, "GET", done["files"]["artifact"], Range="bytes=0-3") as part:
            assert (part.status, part.read()) == (206, b"\x7fELF")
            assert part.headers["Content-Range"] == f"bytes 0-3/{done['size']}"

        tried = [_asked(port, "GET", "/healthz", X_Forwarded_For=f"10.0.0.{each}")[0] for each in range(60)]
        assert 429 in tried, "what a client says of its address was believed"

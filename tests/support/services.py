"""A real `onebin serve` that offers some of the tiny projects, and what a client says to it."""

from __future__ import annotations

import json
import shutil
import signal
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

import pytest

from .bench import Bench
from .processes import next_line
from .projects import PROJECTS
from .waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from .processes import Running

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
PLUGINS = ("greet-hello", "greet-servus", "bad-import", "needs-old", "needs-new", "slow-import")
ONLY_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="the bundles are for linux-x86_64")
_SECONDS = 120
# Each redirect is an answer of its own here, and no proxy is between a test and its service.
_OPENER = build_opener(ProxyHandler({}))


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a service answered; the names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass(kw_only=True)
class Client:
    """Somebody who speaks with a service, keeps its cookie like a browser, and remembers every answer."""

    address: str
    token: str = ""
    cookie: str = ""
    heard: list[Answer] = field(default_factory=list)

    def ask(
        self, method: str, path: str, data: Any = None, headers: Mapping[str, str] | None = None, *, keep: bool = True
    ) -> Answer:
        """Send a request, with JSON if there are data (or bytes as they are), and return the answer."""
        sent = {"accept": "application/json", **(headers or {})}
        sent |= {"cookie": self.cookie} if self.cookie else {}
        sent |= {"authorization": f"Bearer {self.token}"} if self.token else {}
        body = data if isinstance(data, bytes) or data is None else json.dumps(data).encode()
        if body is not None:
            sent.setdefault("content-type", "application/json")
        request = Request(f"{self.address}{path}", method=method, data=body, headers=sent)  # noqa: S310  # of a test's own server
        try:
            with _OPENER.open(request, timeout=_SECONDS) as got:
                answer = Answer(status=got.status, headers=_lower(got.headers), body=got.read())
        except HTTPError as error:
            with error:
                answer = Answer(status=error.code, headers=_lower(error.headers), body=error.read())
        if (cookie := answer.headers.get("set-cookie")) is not None and keep:
            self.cookie = cookie.partition(";")[0]
        self.heard.append(answer)
        return answer

    def get(self, path: str, **headers: str) -> Answer:
        """Ask for something."""
        return self.ask("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})

    def order(self, *plugins: str, **more: str) -> Answer:
        """Ask for a build of the tiny host with some plugins."""
        return self.ask("POST", "/builds", {"host": "tiny", "plugins": list(plugins), **more})

    def ended(self, build: str, *, running: Running | None = None) -> dict[str, Any]:
        """Wait until a build has ended, and return it."""
        found: dict[str, Any] = {}

        def is_over() -> bool:
            found.update(self.get(f"/builds/{build}").json)
            return found["state"] in {"done", "failed", "cancelled"}

        wait_until(is_over, what=f"the end of the build {build}", seconds=300, running=running)
        return found

    def built(self, *plugins: str) -> dict[str, Any]:
        """Ask for a build of the tiny host, wait for its end, and return it."""
        return self.ended(self.order(*plugins).json["id"])


@dataclass(frozen=True, kw_only=True)
class Serving:
    """A service that runs, and the bench that it lies on."""

    bench: Bench
    address: str
    running: Running

    def client(self, token: str = "") -> Client:
        """Return a new client."""
        return Client(address=self.address, token=token)

    @property
    def directory(self) -> Path:
        """What the service writes."""
        return self.bench.directory / "service"

    def children(self) -> list[int]:
        """Return the processes of the builds that run."""
        return self.running.family()


def write_catalogue(bench: Bench, *plugins: str, more: str = "") -> Path:
    """Write a catalogue that offers the tiny host with some of the tiny projects, by their wheels."""
    rows = [f'[hosts.tiny.plugins.{name}]\npath = "{bench.wheel(name)}"\ndescription = "{name}"' for name in plugins]
    host = f'[hosts.tiny]\npath = "{bench.wheel("tinyhost")}"\nscript = "tinyhost"\ndescription = "A tiny host"'
    shared = f'[catalogue]\ntitle = "Tiny tools"\npythons = ["{PYTHON}"]\nplatforms = ["linux-x86_64"]'
    file = bench.directory / "catalogue.toml"
    file.write_text("\n\n".join([shared, host, *rows, more]), "utf-8")
    return file


@dataclass(frozen=True, kw_only=True)
class Sleeper:
    """The plugin slow-import of a bench, whose import lasts until it is woken; from then on, it is short."""

    folder: Path

    @classmethod
    def of(cls, bench: Bench) -> Sleeper:
        """Have the plugin sleep, and write the catalogue that offers it."""
        folder = bench.directory.parent / "sleeper"
        folder.mkdir()
        next(bench.project("slow-import").rglob("where.txt")).write_text(str(folder), "utf-8")
        (folder / "sleep-staged").touch()
        write_catalogue(bench, *PLUGINS)
        return cls(folder=folder)

    def sleeps(self) -> bool:
        """Return whether its import has begun."""
        return (self.folder / "started").exists()

    def wake(self) -> None:
        """Have the next import be short."""
        (self.folder / "sleep-staged").unlink()


@contextmanager
def serving(
    bench: Bench, *options: str | Path, env: Mapping[str, str] | None = None, under: Sequence[str | Path] = ()
) -> Iterator[Serving]:
    """Run a service on a free port during the block, and stop it as a service manager does, unless it has ended."""
    arguments = ["serve", "catalogue.toml", "--directory", "service", "--port", "0", *options]
    with bench.started(*arguments, env=env, under=under) as running:
        line = next_line(running.process)
        assert " offers " in line, running.said()
        yield Serving(bench=bench, address=line.partition(" ")[0], running=running)
        if not running.is_over():
            running.interrupt(signal.SIGTERM)


def service_bench(folder: Path, cache: Path) -> Bench:
    """Return a bench with copies of the tiny projects, in a folder."""
    bench = Bench(directory=folder / "here", cache=cache, temporary=folder / "temporary")
    bench.directory.mkdir(parents=True)
    bench.temporary.mkdir()
    shutil.copytree(PROJECTS, bench.directory / "projects")
    return bench


def _lower(headers: Any) -> dict[str, str]:
    return {name.casefold(): value for name, value in headers.items()}

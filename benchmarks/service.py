"""What a build service bears: 500 clients that ask for 20 bundles, cold and warm, while it is killed three times.

    python benchmarks/service.py [--clients N] [--bundles N] [--streams N]

Cold, no bundle is built yet. Each client asks for one, waits for it, and loads it down and checks its digest; meanwhile
the service and everything below it are killed and started again three times. What a client cannot get, it asks for
again. Warm, they all do the same once more; then each page and a stored artifact are asked for by a few clients at a
time. In both parts, event streams are open, and one client reads an artifact slowly. Printed are the times, the most
memory of the service, how often was asked again, and what must hold: each client got its file, the same bytes for the
same question, and each bundle was built once.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import itertools
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from support.command import COMMAND  # noqa: E402  # of the tests' kit, whose place is not on the path before
from support.wheels import make_wheel  # noqa: E402  # as above

PLUGINS = 5
HOST = """import importlib.metadata

def main():
    print(*sorted(each.load()() for each in importlib.metadata.entry_points(group="load.words")))
"""
SCRIPTS = "[console_scripts]\nload = load:main\n"
KILLS = 3
_ASK_AGAIN = 0.5  # seconds
_SLOW_BYTES, _SLOW_PAUSE = 4096, 0.2
_PATIENCE = 60.0  # for one answer


@dataclass
class Load:
    """What clients do to a service at a port, and what they see: seconds by kind, and digests by question."""

    port: int
    again: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    digests: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    served: int = 0

    async def send(self, method: str, path: str, body: bytes = b"") -> tuple[int, dict[str, str], bytes]:
        """Return the status, the headers and the body of an answer; raises OSError and the like for a broken one."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
            kind = "Content-Type: application/json\r\n" if body else ""
            writer.write(f"{head}{kind}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            await writer.drain()
            first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {name.casefold(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            if "content-length" in headers:
                content = await reader.readexactly(int(headers["content-length"]))
            else:
                content = await reader.read()
            return int(first.split()[1]), headers, content
        finally:
            writer.close()

    async def get(self, kind: str, method: str, path: str, body: bytes = b"") -> bytes:
        """Return what is answered, however often it must be asked for; the time of the last time counts."""
        while True:
            began = time.monotonic()
            with suppress(OSError, EOFError, ValueError, IndexError, TimeoutError):
                status, _, content = await asyncio.wait_for(self.send(method, path, body), _PATIENCE)
                if status in {200, 201}:
                    self.seconds[kind].append(time.monotonic() - began)
                    return content
                self.again[f"{kind}: status {status}"] += 1
                await asyncio.sleep(_ASK_AGAIN)
                continue
            self.again[f"{kind}: no answer"] += 1
            await asyncio.sleep(_ASK_AGAIN)

    async def order(self, number: int, plugins: tuple[str, ...]) -> None:
        """Ask for a bundle, wait for it, and load it down."""
        await asyncio.sleep(number % 50 / 25)
        question = json.dumps({"host": "load", "plugins": plugins}).encode()
        while True:
            build = json.loads(await self.get("ask", "POST", "/builds", question))
            while build["state"] in {"queued", "running"}:
                await asyncio.sleep(1)
                build = json.loads(await self.get("look", "GET", f"/builds/{build['id']}"))
            if build["state"] == "done":
                break
            print(f"  {plugins}: {build['state']}: {build['error']}")
            self.again["build failed"] += 1
        content = await self.get("artifact", "GET", build["files"]["artifact"])
        digest = hashlib.sha256(content).hexdigest()
        if digest != build["sha256"]:
            sys.exit(f"other bytes than announced for {plugins}")
        self.digests[" ".join(plugins)].add(digest)
        self.served += 1

    async def watch(self, path: str) -> None:
        """Keep a stream of events open, and open it again when it ends."""
        while True:
            with suppress(OSError, EOFError):
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
                while await reader.read(65536):
                    pass
            await asyncio.sleep(1)

    async def read_slowly(self, path: str) -> None:
        """Read a file a little at a time, for ever."""
        while True:
            with suppress(OSError, EOFError):
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=_SLOW_BYTES)
                writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
                while await reader.read(_SLOW_BYTES):  # noqa: ASYNC110  # it is to be slow, and waits for nothing
                    await asyncio.sleep(_SLOW_PAUSE)
            await asyncio.sleep(1)


@dataclass
class Service:
    """A service that can be killed and started again, and the most memory that it had, in bytes."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None
    most: int = 0

    def start(self) -> None:
        """Start it."""
        options = ["--directory", "service", "--port", str(self.port), "--queue", "1000", "--per-client", "1000"]
        rates = ["--asks", "1000000", "--rate", "100000000"]
        env = {**os.environ, "ONEBIN_CACHE_DIR": str(self.folder / "cache")}
        self.process = subprocess.Popen(  # noqa: S603  # the program of this project
            [*COMMAND, "serve", "catalogue.toml", *options, *rates],
            cwd=self.folder,
            env=env,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        if self.process.stdout is None or not self.process.stdout.readline():
            sys.exit("the service has not started")

    def kill(self) -> None:
        """Kill it, and everything below it."""
        if self.process is None:
            return
        below = psutil.Process(self.process.pid).children(recursive=True)
        for pid in (*(each.pid for each in below), self.process.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()

    async def measure(self) -> None:
        """Note its memory, for ever."""
        while True:
            with suppress(psutil.Error):
                self.most = max(self.most, psutil.Process(self.process.pid if self.process else 0).memory_info().rss)
            await asyncio.sleep(0.2)

    @property
    def built(self) -> int:
        """How many cells its store has."""
        return len(list((self.folder / "service/store/cells").glob("*")))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=500)
    parser.add_argument("--bundles", type=int, default=20)
    parser.add_argument("--streams", type=int, default=200)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        taken.close()
        write_catalogue(Path(name))
        service = Service(Path(name), port)
        service.start()
        try:
            asyncio.run(measured(service, chosen))
        finally:
            service.kill()


def write_catalogue(folder: Path) -> None:
    """Write a catalogue of one host with some plugins."""
    host = make_wheel(folder / "wheels", "load", files={"load.py": HOST}, entry_points=SCRIPTS)
    plugins = {f"word{number}": f"def say():\n    return 'word {number}'\n" for number in range(PLUGINS)}
    plugins["slow"] = "import time\ntime.sleep(20)\ndef say():\n    return 'slow'\n"
    minor = f"{sys.version_info.major}.{sys.version_info.minor}"
    lines = ["[catalogue]", f'pythons = ["{minor}"]', 'platforms = ["linux-x86_64"]']
    lines += ["[hosts.load]", f'path = "wheels/{host.name}"', 'script = "load"', 'description = "says words"']
    for name, source in plugins.items():
        points = f"[load.words]\n{name} = {name}:say\n"
        wheel = make_wheel(folder / "wheels", f"load-{name}", files={f"{name}.py": source}, entry_points=points)
        lines += [f"[hosts.load.plugins.load-{name}]", f'path = "wheels/{wheel.name}"', f'description = "{name}"']
    (folder / "catalogue.toml").write_text("\n".join([*lines, ""]), "utf-8")


async def measured(service: Service, chosen: argparse.Namespace) -> None:
    """Put a service under load, cold and warm."""
    names = [f"load-word{number}" for number in range(PLUGINS)]
    sets = [each for size in range(PLUGINS + 1) for each in itertools.combinations(names, size)][: chosen.bundles]
    load = Load(service.port)
    watched = json.loads(await load.get("ask", "POST", "/builds", b'{"host": "load", "plugins": ["load-slow"]}'))
    stream = f"/builds/{watched['id']}/events"
    beside = [asyncio.create_task(load.watch(stream)) for _ in range(chosen.streams)]
    beside.append(asyncio.create_task(service.measure()))
    killing = asyncio.create_task(_kill(service, chosen.bundles))
    began = time.monotonic()
    await asyncio.gather(*(load.order(number, sets[number % len(sets)]) for number in range(chosen.clients)))
    cold = time.monotonic() - began
    killed = KILLS if await killing else 0
    report(f"cold, killed {killed} times: {chosen.clients} clients, {len(sets)} bundles", load, cold, service)
    artifact = await _artifact(load, sets[-1])
    beside.append(asyncio.create_task(load.read_slowly(artifact)))
    service.most, warm = 0, Load(service.port)
    began = time.monotonic()
    await asyncio.gather(*(warm.order(number, sets[number % len(sets)]) for number in range(chosen.clients)))
    report(f"warm: {chosen.clients} clients at once", warm, time.monotonic() - began, service)
    calm = Load(service.port)
    for kind, path in (
        ("page /", "/"),
        ("page of a host", "/hosts/load?plugin=load-word1"),
        ("stored artifact", artifact),
    ):
        await asyncio.gather(*(_several(calm, kind, path) for _ in range(4)))
    report("warm: 4 clients at a time, 200 answers of each", calm, 0, service)
    same = all(len(load.digests[each] | warm.digests[each]) == 1 for each in load.digests)
    print(f"each client got its file: {load.served == warm.served == chosen.clients}")
    print(f"the same bytes for the same question, cold and warm: {same}")
    print(f"bundles in the store: {service.built}, of {len(sets)} asked for and one that was watched")
    for each in beside:
        each.cancel()


async def _kill(service: Service, bundles: int) -> bool:
    """Kill a service when a quarter, a half and three quarters of the bundles are built, and start it again."""
    for number in range(1, KILLS + 1):
        while service.built < bundles * number / (KILLS + 1):  # noqa: ASYNC110  # another process makes these files
            await asyncio.sleep(0.5)
        service.kill()
        await asyncio.to_thread(service.start)
    return True


async def _artifact(load: Load, plugins: tuple[str, ...]) -> str:
    body = json.dumps({"host": "load", "plugins": plugins}).encode()
    return str(json.loads(await load.get("ask", "POST", "/builds", body))["files"]["artifact"])


async def _several(load: Load, kind: str, path: str) -> None:
    for _ in range(50):
        await load.get(kind, "GET", path)


def report(title: str, load: Load, seconds: float, service: Service) -> None:
    """Print what came of a part."""
    whole = f" in {seconds:.1f} s" if seconds else ""
    print(f"{title}{whole}; the service had {service.most / 1e6:.0f} MB")
    for kind, times in load.seconds.items():
        print(f"  {kind:16} {len(times):6} answers: {_times(times)}")
    for what, times_again in sorted(load.again.items()):
        print(f"  asked again      {times_again:6} times ({what})")


def _times(times: list[float]) -> str:
    cuts: list[Any] = statistics.quantiles(times, n=100) if len(times) > 1 else times * 99
    return f"p50 {1000 * cuts[49]:.0f} ms, p99 {1000 * cuts[98]:.0f} ms, at most {1000 * max(times):.0f} ms"


if __name__ == "__main__":
    main()

"""A farm on loopback: a Dask scheduler and workers as processes that can be killed, and looks into a store."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from onebin.farm import Outcome
from onebin.farm.jobs import Doing

from .processes import callers_environment
from .projects import ROOT
from .waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from onebin.farm.jobs import Job, Tell, Wanted

_LOGS = b"lock: "  # how the log of a build begins


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(kw_only=True)
class Farm:
    """A scheduler and workers, each a process of its own; `tags` are the platforms of every worker."""

    folder: Path
    cache: Path
    tags: Sequence[str] = ("linux-x86_64",)
    options: Sequence[str] = ()  # of certificates
    protocol: str = "tcp"
    port: int = field(default_factory=free_port)
    scheduler: subprocess.Popen[bytes] | None = None
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def address(self) -> str:
        """The scheduler's address."""
        return f"{self.protocol}://127.0.0.1:{self.port}"

    def start_scheduler(self) -> None:
        """Start the scheduler, and wait until it listens."""
        where = ["--host", "127.0.0.1", "--port", str(self.port), "--protocol", self.protocol, "--no-dashboard"]
        self.scheduler = self._start("scheduler", *where)
        wait_until(self._listens, what="the scheduler listens")

    def start_worker(self) -> None:
        """Start a worker, and return at once."""
        tags = " ".join(f"{tag}=1" for tag in self.tags)
        own = ["--no-nanny", "--nthreads", "1", "--host", "127.0.0.1", "--no-dashboard", "--resources", tags]
        self.workers.append(self._start("worker", self.address, *own))

    def await_workers(self, number: int) -> None:
        """Wait until the scheduler has so many workers."""
        from distributed import Client  # of the extra `farm`

        with Client(self.address, set_as_default=False) as client:
            client.wait_for_workers(number, timeout=120)

    def kill_worker(self, number: int) -> None:
        """Kill a worker, as the kernel does where memory is short."""
        worker = self.workers.pop(number)
        worker.kill()
        worker.wait()

    def kill_scheduler(self) -> None:
        """Kill the scheduler."""
        assert self.scheduler is not None
        self.scheduler.kill()
        self.scheduler.wait()

    def stop(self) -> None:
        """Stop everything."""
        for process in (*self.workers, *([self.scheduler] if self.scheduler else [])):
            process.send_signal(signal.SIGKILL)
            process.wait()

    def _start(self, kind: str, *arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "distributed.cli.dask_" + kind, *arguments, *self.options]
        with (self.folder / f"{kind}.log").open("ab") as log:
            return subprocess.Popen(
                command,
                cwd=self.folder,
                env={**callers_environment(), "ONEBIN_CACHE_DIR": str(self.cache), "PYTHONPATH": str(ROOT / "tests")},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


@contextmanager
def farming(folder: Path, cache: Path, *, workers: int, **options: object) -> Iterator[Farm]:
    """Provide a farm with so many workers; everything of it is killed at the end."""
    folder.mkdir(parents=True, exist_ok=True)
    farm = Farm(folder=folder, cache=cache, **options)  # type: ignore[arg-type]  # fields of a farm
    try:
        farm.start_scheduler()
        for _ in range(workers):
            farm.start_worker()
        yield farm
    finally:
        farm.stop()


def linger(job: Job, wanted: Wanted, tell: Tell) -> Outcome:
    """Note that a job has begun on a worker, in the folder that its store names, and go on until it is not wanted.

    It ends once that folder has a file called "enough", or "enough-" and the name of the cell.
    """
    begun = Path(job.store) / f"{job.cell}-{os.getpid()}"
    begun.touch()
    tell(Doing(step="linger", doing="as long as it may"))
    while wanted():
        if any((Path(job.store) / name).exists() for name in ("enough", f"enough-{job.cell}")):
            return Outcome(status="built", worker=str(os.getpid()))
        time.sleep(0.05)
    begun.with_suffix(".stopped").touch()
    return Outcome(status="cancelled")


@dataclass(frozen=True, kw_only=True)
class Contents:
    """What is in the folder of a store. `damaged` are objects that are not what their names say."""

    records: Mapping[str, Mapping[str, object]]
    objects: frozenset[str]
    damaged: frozenset[str]
    logs: frozenset[str]

    @property
    def missing(self) -> set[str]:
        """The objects that a record names and that are not there."""
        return {str(each[name]) for each in self.records.values() for name in _OWN} - self.objects

    @property
    def unused_logs(self) -> set[str]:
        """The logs of builds that no record names: somebody built what another one had built already."""
        return set(self.logs) - {str(each["log"]) for each in self.records.values()}


_OWN = ("artifact", "card", "sbom", "log")


def contents_of(store: Path) -> Contents:
    """Read everything in the folder of a store."""
    files = {f"{file.parent.name}{file.name}": file for file in store.glob("objects/*/*")}
    found = {name: file.read_bytes() for name, file in files.items()}
    return Contents(
        records={file.stem: json.loads(file.read_text("utf-8")) for file in store.glob("cells/*.json")},
        objects=frozenset(found),
        damaged=frozenset(name for name, content in found.items() if hashlib.sha256(content).hexdigest() != name),
        logs=frozenset(name for name, content in found.items() if content.startswith(_LOGS)),
    )

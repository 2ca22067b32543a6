"""The engine of many machines: Dask distributed, whose scheduler decides which worker gets which job.

Each worker says by resources which platforms it builds for, `--resources "linux-x86_64=1"`: a build takes one of them,
so the number is how many it does at once. Before anything is sent, the platforms are compared with those that the
workers have, since a job that no worker may take would wait for ever. Jobs go out and outcomes come back; everything
large goes through the store.
"""

from __future__ import annotations

import logging
import time
import uuid
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any

from onebin.errors import FarmError
from onebin.farm.results import Outcome
from onebin.pipeline import failure_of
from onebin.system import count, did_you_mean, display, is_there

try:
    from distributed import Client, LocalCluster, Security, as_completed, get_worker
except ImportError as missing:
    raise FarmError("the engine dask needs Dask distributed", "pip install 'onebin[farm]'") from missing

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
    from pathlib import Path

    from distributed import Future

    from onebin.farm.jobs import Job, Work

_CONNECT_SECONDS = 10
_PATIENCE_SECONDS = 120.0  # for a scheduler that was lost, and for its workers
_LOOK_SECONDS = 1.0
_WANTED_SECONDS = 0.5
_MOST_ATTEMPTS = 4  # of a job whose scheduler, or whose workers, were lost


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """A scheduler: its address, or None for one of this process, with `at_once` workers on loopback.

    `certificates` is a folder with `ca.pem`, `cert.pem` and `key.pem`, for an address that begins with "tls://".
    """

    address: str | None = None
    certificates: Path | None = None
    at_once: int = 1

    @contextmanager
    def client(self, platforms: Sequence[str]) -> Iterator[Client]:
        """Provide a connection to the scheduler; raises FarmError if it does not answer."""
        if self.address is None:
            tags = dict.fromkeys(platforms, 1.0)
            with (
                LocalCluster(
                    host="127.0.0.1",
                    n_workers=self.at_once,
                    threads_per_worker=max(1, len(tags)),
                    resources=tags,
                    dashboard_address="127.0.0.1:0",
                ) as cluster,
                Client(cluster) as client,
            ):
                yield client
            return
        try:
            client = Client(self.address, security=self._security(), timeout=_CONNECT_SECONDS, set_as_default=False)
        except (OSError, ValueError, TypeError) as error:
            raise FarmError(
                f"no scheduler answers at {self.address}: {str(error).splitlines()[0] if str(error) else 'timeout'}",
                "start one with `dask scheduler`, or check the address and, for tls://, the certificates (--tls)",
            ) from error
        try:
            yield client
        finally:
            with suppress(OSError, TimeoutError):
                client.close(timeout=2)

    def _security(self) -> Security | None:
        """Return the certificates; None leaves that to Dask's own configuration."""
        if self.certificates is None:
            return None
        files = [self.certificates / name for name in ("ca.pem", "cert.pem", "key.pem")]
        missing = [file.name for file in files if not is_there(file)]
        if missing:
            raise FarmError(f"{display(self.certificates)} has no {' and no '.join(missing)}", "see docs/farm.md, TLS")
        ca, cert, key = map(str, files)
        return Security(tls_ca_file=ca, tls_client_cert=cert, tls_client_key=key, require_encryption=True)


@dataclass(kw_only=True)
class _Run:
    """Jobs of which some have not ended; `lost` counts how often each of these was lost with a scheduler."""

    left: dict[str, Job]
    topic: str = field(default_factory=lambda: f"onebin-{uuid.uuid4().hex}")
    lost: dict[str, int] = field(default_factory=dict)


def run_on_cluster(
    jobs: Sequence[Job],
    work: Work,
    *,
    cluster: Cluster,
    tell: Callable[[str, str], None],
    say: Callable[[str], None],
) -> Generator[tuple[Job, Outcome]]:
    """Do some work for each job on the workers of a cluster, and yield what came of it, as it comes.

    `tell` gets the name of a cell and what is done for it, `say` what there is to know of the cluster. If the iteration
    is closed before its end, what runs is stopped. Raises FarmError before anything is sent if a platform has no
    worker, and if the scheduler is lost for two minutes.
    """
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what matters comes as outcomes and errors
    run = _Run(left={job.key: job for job in jobs})
    platforms = sorted({job.platform for job in jobs})
    deadline: float | None = None
    while run.left:
        try:
            with cluster.client(platforms) as client:
                _await_workers(client, platforms, deadline)
                say(f"{count(len(_workers(client)), 'worker')} at {_address(client)}; {client.dashboard_link}")
                yield from _sent(client, run, work, tell)
        except FarmError:
            if deadline is None or time.monotonic() > deadline:
                raise
            time.sleep(_LOOK_SECONDS)
            continue
        except OSError as error:  # it went while it was asked for something
            deadline = deadline or time.monotonic() + _PATIENCE_SECONDS
            if time.monotonic() > deadline:
                raise FarmError(f"the scheduler was lost: {error}", "run it again: what was built is stored") from error
            time.sleep(_LOOK_SECONDS)
            continue
        if run.left:
            deadline = time.monotonic() + _PATIENCE_SECONDS
            say(f"the scheduler was lost; {count(len(run.left), 'cell')} will be sent again")
            yield from _given_up(run)


def _given_up(run: _Run) -> Generator[tuple[Job, Outcome]]:
    """Yield the jobs that were lost too often, as failed."""
    for key in [key for key, times in run.lost.items() if times >= _MOST_ATTEMPTS and key in run.left]:
        yield run.left.pop(key), _failed(f"its scheduler was lost {_MOST_ATTEMPTS} times")


def _address(client: Client) -> str:
    return str(client.scheduler_info(n_workers=0)["address"])


def _workers(client: Client) -> Mapping[str, Mapping[str, Any]]:
    found: Mapping[str, Mapping[str, Any]] = client.scheduler_info(n_workers=-1)["workers"]
    return found


def _await_workers(client: Client, platforms: Sequence[str], deadline: float | None) -> None:
    """Raise FarmError unless each platform has a worker; after a loss, they may take a while to come back."""
    while True:
        known = {tag for worker in _workers(client).values() for tag in worker.get("resources", {})}
        missing = [platform for platform in platforms if platform not in known]
        if not missing:
            return
        if deadline is None or time.monotonic() > deadline:
            break
        time.sleep(_LOOK_SECONDS)
    near = did_you_mean(missing[0], known)
    has = f"its workers have {', '.join(sorted(known))}" if known else "its workers have no tags"
    raise FarmError(
        f"no worker of {_address(client)} builds for {' or '.join(missing)}; {has}{near}",
        f'start one for it: dask worker {_address(client)} --resources "{missing[0]}=1"',
    )


def _sent(client: Client, run: _Run, work: Work, tell: Callable[[str, str], None]) -> Generator[tuple[Job, Outcome]]:
    """Send the jobs that are left, and yield each that ended, until none is left or the scheduler is lost."""
    client.subscribe_topic(run.topic, lambda event: tell(*event[1]))
    futures = _submitted(client, run, work)
    jobs = {future.key: run.left[key] for key, future in futures.items()}
    try:
        for future in as_completed(futures.values(), loop=client.loop):
            job = jobs[future.key]
            if future.status in {"cancelled", "lost"}:
                run.lost[job.key] = run.lost.get(job.key, 0) + 1
                continue
            del run.left[job.key]
            yield job, _outcome(future)
    finally:
        with suppress(Exception):  # the scheduler may have gone
            client.cancel([futures[key] for key in run.left if key in futures], force=True)
        with suppress(Exception):  # as above
            client.unsubscribe_topic(run.topic)


def _submitted(client: Client, run: _Run, work: Work) -> dict[str, Future[Outcome]]:
    """Send all jobs that are left, one graph for each platform, and return their futures by key."""
    attempt = uuid.uuid4().hex[:8]  # a scheduler that was restarted may still know an older name
    futures: dict[str, Future[Outcome]] = {}
    for platform, group in groupby(sorted(run.left.values(), key=lambda job: job.platform), lambda job: job.platform):
        jobs = list(group)
        sent = client.map(
            _on_worker,
            jobs,
            work=work,
            topic=run.topic,
            key=[f"onebin-{job.key}-{attempt}" for job in jobs],
            resources={platform: 1},
            pure=False,
        )
        futures |= {job.key: future for job, future in zip(jobs, sent, strict=True)}
    return futures


def _outcome(future: Future[Outcome]) -> Outcome:
    """Return what a worker returned, or a failure if it could not."""
    if future.status == "finished":
        found: Outcome = future.result()
        return found
    error = future.exception()
    text = str(error).splitlines()[0] if str(error) else ""
    return _failed(f"{type(error).__name__}: {text}")


def _failed(message: str) -> Outcome:
    hint = "look into the worker's log; onebin and the same version of Dask must be installed there"
    return Outcome(status="failed", error=failure_of(FarmError(message, hint))["error"])


def _on_worker(job: Job, *, work: Work, topic: str) -> Outcome:
    """Do some work on a worker, as long as the scheduler wants its result."""
    worker = get_worker()
    key, last = worker.get_current_task(), 0.0
    is_wanted = True

    def wanted() -> bool:
        nonlocal last, is_wanted
        if time.monotonic() - last > _WANTED_SECONDS:
            task, last = worker.state.tasks.get(key), time.monotonic()
            is_wanted = task is not None and task.state not in {"cancelled", "resumed", "released", "forgotten"}
        return is_wanted

    return work(job, wanted, lambda doing: worker.log_event(topic, (job.cell, doing)))

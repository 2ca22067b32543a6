"""The engine of many machines: Dask distributed, whose scheduler decides which worker gets which job.

Each worker says by resources which platforms it builds for, `--resources "linux-x86_64=1"`: a build takes one of them,
so the number is how many it does at once. Before anything is sent, the platforms are compared with those that the
workers have, since a job that no worker may take would wait for ever. Jobs go out and outcomes come back; everything
large goes through the store.
"""

from __future__ import annotations

import logging
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import urlopen

from onebin.errors import FarmError
from onebin.farm.results import Outcome
from onebin.pipeline import failure_of
from onebin.system import count, display, is_there, scratch

try:
    import dask
    from distributed import Client, LocalCluster, Security

    from onebin.farm.dask.flow import Flow, workers_of
except ImportError as missing:
    raise FarmError("the engine dask needs Dask distributed", "pip install 'onebin[farm]'") from missing

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence
    from pathlib import Path

    from distributed import Future

    from onebin.farm.jobs import Job, TellOf, Work

_CONNECT_SECONDS = 10
_CLOSE_SECONDS = 2
_PATIENCE_SECONDS = 120.0  # for a scheduler that was lost, and for its workers
_SCHEMES = {"tcp", "tls", "ws", "wss", "ucx"}  # that Dask knows
_SCHEMES_WITH_TLS = {"tls", "wss"}
_LOOK_SECONDS = 1.0
_DASHBOARD_SECONDS = 2.0
_DASHBOARD_BYTES = 1000
_MOST_ATTEMPTS = 4  # of a job whose scheduler, or whose workers, were lost


class _Connection(Client):
    """A client whose end says nothing: one that never connected would wait for long, and complain to standard error."""

    def __del__(self) -> None:
        with suppress(Exception):
            Client.close(self, timeout=_CLOSE_SECONDS)


def _check_own_certificates(address: str) -> None:
    """Raise FarmError if Dask's own configuration has no certificates for an address with TLS."""
    hint = "name a folder with ca.pem, cert.pem and key.pem: --tls DIR (see docs/farm.md, TLS)"
    try:
        own = Security().get_connection_args("client")
    except (OSError, ValueError, TypeError) as error:
        message = f"the certificates of Dask's configuration (distributed.comm.tls) cannot be read: {error}"
        raise FarmError(message, hint) from error
    if own.get("ssl_context") is None:
        raise FarmError(f"{address} needs certificates", hint)


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
                scratch() as folder,
                dask.config.set({"temporary-directory": str(folder)}),  # of scheduler and workers
                LocalCluster(
                    host="127.0.0.1",
                    n_workers=self.at_once,
                    threads_per_worker=1,
                    resources=tags,
                    dashboard_address="127.0.0.1:0",
                    preload=["onebin.farm.dask.own_worker"],
                ) as cluster,
                Client(cluster) as client,
            ):
                yield client
            return
        self.check()
        kind: type[Client] = _Connection
        try:
            client = kind(self.address, security=self._security(), timeout=_CONNECT_SECONDS, set_as_default=False)
        except (OSError, ValueError, TypeError) as error:
            raise FarmError(
                f"no scheduler answers at {self.address}: {str(error).splitlines()[0] if str(error) else 'timeout'}",
                "start one with `dask scheduler`, or check the address and, for tls://, the certificates (--tls)",
            ) from error
        try:
            yield client
        finally:
            with suppress(OSError, TimeoutError):
                client.close(timeout=_CLOSE_SECONDS)

    def check(self) -> None:
        """Raise FarmError if the address is not one, or certificates are missing; nobody is asked."""
        if self.address is not None:
            with_scheme = self.address if "://" in self.address else f"tcp://{self.address}"
            parts = urlsplit(with_scheme)
            try:
                is_one = parts.scheme in _SCHEMES and bool(parts.hostname) and parts.port is not None
            except ValueError:  # of a port that is not a number, or too large
                is_one = False
            if not is_one:
                hint = "write tcp://host:8786, or tls://host:8786 with certificates (--tls)"
                raise FarmError(f"{self.address} is not the address of a scheduler", hint)
            if parts.scheme in _SCHEMES_WITH_TLS and self.certificates is None:
                _check_own_certificates(self.address)
        self._security()

    def _security(self) -> Security | None:
        """Return the certificates; None leaves that to Dask's own configuration."""
        if self.certificates is None:
            return None
        files = [self.certificates / name for name in ("ca.pem", "cert.pem", "key.pem")]
        if not self.certificates.is_dir():
            raise FarmError(f"there is no folder {display(self.certificates)}", "see docs/farm.md, TLS")
        missing = [file.name for file in files if not is_there(file)]
        if missing:
            raise FarmError(f"{display(self.certificates)} has no {' and no '.join(missing)}", "see docs/farm.md, TLS")
        ca, cert, key = map(str, files)
        return Security(tls_ca_file=ca, tls_client_cert=cert, tls_client_key=key, require_encryption=True)


@dataclass(kw_only=True)
class _Run:
    """Jobs of which some have not ended; `lost` counts how often each of these was lost with a scheduler."""

    left: dict[str, Job]
    lost: dict[str, int] = field(default_factory=dict)


def run_on_cluster(
    jobs: Sequence[Job],
    work: Work,
    *,
    cluster: Cluster,
    tell: TellOf,
    say: Callable[[str], None],
    begin: Callable[[], None] | None = None,
) -> Generator[tuple[Job, Outcome]]:
    """Do some work for each job on the workers of a cluster, and yield what came of it, as it comes.

    `begin` is called once, as soon as there are workers. `tell` gets the name of a cell and what is done for it, `say`
    what there is to know of the cluster. If the iteration is closed before its end, what runs is stopped. Raises
    FarmError before anything is sent if a platform has no worker, and if the scheduler is lost for two minutes.
    """
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what matters comes as outcomes and errors
    run = _Run(left={job.key: job for job in jobs})
    platforms = sorted({job.platform for job in jobs})
    deadline: float | None = None
    while run.left:
        try:
            with cluster.client(platforms) as client:
                _await_workers(client, platforms, deadline)
                if begin is not None:
                    begin()
                    begin = None
                say(f"{count(len(workers_of(client)), 'worker')} at {_address(client)}{_dashboard(client)}")
                with Flow(client=client, work=work, tell=tell) as flow:
                    flow.add(run.left.values())
                    yield from _sent(flow, run)
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
            for job in run.left.values():
                tell(job.cell, None)
            say(f"the scheduler was lost; {count(len(run.left), 'cell')} will be sent again")
            yield from _given_up(run)


def _given_up(run: _Run) -> Generator[tuple[Job, Outcome]]:
    """Yield the jobs that were lost too often, as failed."""
    for key in [key for key, times in run.lost.items() if times >= _MOST_ATTEMPTS and key in run.left]:
        yield run.left.pop(key), _failed(f"its scheduler was lost {_MOST_ATTEMPTS} times")


def _address(client: Client) -> str:
    return str(client.scheduler_info(n_workers=0)["address"])


def _dashboard(client: Client) -> str:
    """Return where the dashboard is, if one answers there; without bokeh, the scheduler's answer says so."""
    with suppress(OSError, ValueError, KeyError):
        link = client.dashboard_link
        with urlopen(link, timeout=_DASHBOARD_SECONDS) as answer:  # noqa: S310  # http(s), of the scheduler
            lacks_bokeh = b"needs bokeh" in answer.read(_DASHBOARD_BYTES)
        return "; for a dashboard, install bokeh beside it" if lacks_bokeh else f"; its dashboard is {link}"
    return ""


def _await_workers(client: Client, platforms: Sequence[str], deadline: float | None) -> None:
    """Raise FarmError unless each platform has a worker; after a loss, they may take a while to come back."""
    while True:
        known = {tag for worker in workers_of(client).values() for tag in worker["resources"]}
        missing = [platform for platform in platforms if platform not in known]
        if not missing:
            return
        if deadline is None or time.monotonic() > deadline:
            break
        time.sleep(_LOOK_SECONDS)
    has = f"its workers have {', '.join(sorted(known))}" if known else "its workers have no tags"
    raise FarmError(
        f"no worker of {_address(client)} builds for {' or '.join(missing)}; {has}",
        f'start one for it: dask worker {_address(client)} --resources "{missing[0]}=1"',
    )


def _sent(flow: Flow, run: _Run) -> Generator[tuple[Job, Outcome]]:
    """Send the jobs that are left, and yield each that ended, until none is left or the scheduler is lost."""
    is_lost = False
    while run.left and not (is_lost and not flow.sent):
        if not is_lost:
            try:
                flow.fill()
            except OSError:  # it has gone, or does not answer: what is on its way may still end
                is_lost = True
            yield from _without_worker(flow, run)
        for job, future in flow.ended(_LOOK_SECONDS):
            if future.status in {"cancelled", "lost"}:
                is_lost = True
                run.lost[job.key] = run.lost.get(job.key, 0) + 1
                continue
            del run.left[job.key]
            yield job, _outcome(future)


def _without_worker(flow: Flow, run: _Run) -> Generator[tuple[Job, Outcome]]:
    """Yield the jobs of platforms that have had no worker for long, as failed."""
    for platform, since in list(flow.lacking.items()):
        if time.monotonic() - since > _PATIENCE_SECONDS:
            del flow.lacking[platform]
            for job in flow.give_up(platform):
                del run.left[job.key]
                yield job, _failed(f"all workers for {platform} were lost, and none has come back")


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

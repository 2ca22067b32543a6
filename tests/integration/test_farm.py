"""The engines: this machine, and a Dask scheduler with workers that are real processes."""

from __future__ import annotations

import sys
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from onebin.errors import FarmError
from onebin.farm import Job, Outcome, do_nothing
from onebin.farm.local import fitting_jobs, run_here
from support.farms import farming, linger
from support.processes import succeed
from support.projects import ROOT
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from onebin.farm.cluster import Cluster
    from support.farms import Farm

HERE = "linux-x86_64"
pytest.importorskip("distributed", reason="needs the extra `farm`")


def _jobs(number: int, store: Path, platform: str = HERE) -> list[Job]:
    return [Job(cell=f"c{each}", key=f"k{each}", platform=platform, store=str(store)) for each in range(number)]


def _ignore(*_: str) -> None:
    pass


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    """Return a farm with two workers."""
    folder = tmp_path_factory.mktemp("farm")
    with farming(folder / "processes", folder / "cache", workers=2) as made:
        yield made


def _cluster(farm: Farm) -> Cluster:
    from onebin.farm.cluster import Cluster

    return Cluster(address=farm.address)


def _outcomes(farm: Farm, jobs: list[Job]) -> list[tuple[Job, Outcome]]:
    from onebin.farm.cluster import run_on_cluster

    return list(run_on_cluster(jobs, do_nothing, cluster=_cluster(farm), tell=_ignore, say=_ignore))


def _ready(farm: Farm, workers: int) -> None:
    """Wait until the scheduler has so many workers."""
    from distributed import Client

    with Client(farm.address, set_as_default=False) as client:
        wait_until(lambda: len(client.scheduler_info(n_workers=-1)["workers"]) >= workers, what="the workers are there")


def test_this_machine_does_so_many_jobs_at_once_as_it_is_told(tmp_path: Path) -> None:
    """The local engine runs no more jobs at once than it may, and yields each outcome once."""
    running, most, lock = 0, 0, threading.Lock()

    def work(job: Job, wanted: object, tell: object) -> Outcome:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.02)
        with lock:
            running -= 1
        return Outcome(status="built")

    jobs = _jobs(9, tmp_path)
    found = list(run_here(jobs, work, at_once=3, tell=_ignore))
    assert (sorted(job.key for job, _ in found), most) == ([job.key for job in jobs], 3)
    assert fitting_jobs() >= 1


def test_closing_the_local_engine_stops_what_runs(tmp_path: Path) -> None:
    """After the caller has lost interest, jobs that run are stopped, and others do not begin."""
    with closing(run_here(_jobs(5, tmp_path), linger, at_once=2, tell=_ignore)) as ended:
        threading.Timer(0.3, (tmp_path / "enough").touch).start()
        next(ended)
        (tmp_path / "enough").unlink()
    assert len(list(tmp_path.glob("c*"))) < 10


def test_workers_do_trivial_jobs(farm: Farm, tmp_path: Path) -> None:
    """A cluster does the work of every job once, and says where it is."""
    from onebin.farm.cluster import run_on_cluster

    _ready(farm, 2)
    said: list[str] = []
    jobs = _jobs(40, tmp_path)
    found = list(run_on_cluster(jobs, do_nothing, cluster=_cluster(farm), tell=_ignore, say=said.append))
    assert sorted(job.key for job, _ in found) == sorted(job.key for job in jobs)
    assert {outcome.status for _, outcome in found} == {"built"}
    assert said[0].startswith(f"2 workers at {farm.address}")


def test_platform_without_a_worker_is_an_error_at_once(farm: Farm, tmp_path: Path) -> None:
    """A platform that no worker builds for is an error before anything is sent, and not a wait without an end."""
    _ready(farm, 2)
    with pytest.raises(FarmError) as caught:
        _outcomes(farm, [*_jobs(3, tmp_path), *_jobs(1, tmp_path, "linux-aarch64")])
    said = f"no worker of {farm.address} builds for linux-aarch64; its workers have linux-x86_64"
    assert caught.value.message == said
    assert caught.value.hint is not None
    assert '--resources "linux-aarch64=1"' in caught.value.hint


def test_lost_worker_is_replaced_by_another(farm: Farm, tmp_path: Path) -> None:
    """A job whose worker is killed is done by another one, and its progress is told."""
    from onebin.farm.cluster import run_on_cluster

    _ready(farm, 2)
    told: list[tuple[str, str]] = []
    found: list[tuple[Job, Outcome]] = []

    def run() -> None:
        tell = lambda cell, doing: told.append((cell, doing))  # noqa: E731  # where it is used
        found.extend(run_on_cluster(_jobs(1, tmp_path), linger, cluster=_cluster(farm), tell=tell, say=_ignore))

    client = threading.Thread(target=run)
    client.start()
    wait_until(lambda: len(list(tmp_path.glob("c0-*"))) == 1, what="the job has begun")
    first = int(next(tmp_path.glob("c0-*")).name.partition("-")[2])
    number = next(place for place, worker in enumerate(farm.workers) if worker.pid == first)
    farm.kill_worker(number)
    wait_until(lambda: len(list(tmp_path.glob("c0-*"))) == 2, what="the job has begun elsewhere")
    (tmp_path / "enough").touch()
    client.join(60)
    farm.start_worker()
    ((job, outcome),) = found
    assert (job.cell, outcome.status) == ("c0", "built")
    assert outcome.worker != str(first)
    assert ("c0", "lingering") in told


def test_closing_the_cluster_stops_what_runs_there(farm: Farm, tmp_path: Path) -> None:
    """When the client loses interest, or is gone, its jobs are stopped on the workers."""
    from onebin.farm.cluster import run_on_cluster

    _ready(farm, 2)
    (tmp_path / "quick").mkdir()
    (tmp_path / "quick" / "enough").touch()
    jobs = [*_jobs(1, tmp_path), Job(cell="q", key="q", platform=HERE, store=str(tmp_path / "quick"))]
    with closing(run_on_cluster(jobs, linger, cluster=_cluster(farm), tell=_ignore, say=_ignore)) as ended:
        job, _ = next(ended)
        assert job.cell == "q"
        wait_until(lambda: bool([*tmp_path.glob("c0-*")]), what="the other job runs")
    wait_until(lambda: bool([*tmp_path.glob("c0-*.stopped")]), what="the other job is stopped")


def test_no_scheduler_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An address where nobody listens is an error with the address and what to start."""
    from onebin.farm.cluster import Cluster, run_on_cluster

    monkeypatch.setattr("onebin.farm.cluster._CONNECT_SECONDS", 1)
    nobody = Cluster(address="tcp://127.0.0.1:9")
    with pytest.raises(FarmError, match="no scheduler answers at tcp://"):
        list(run_on_cluster(_jobs(1, tmp_path), do_nothing, cluster=nobody, tell=_ignore, say=_ignore))


def test_certificates_of_the_example_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the example's certificates, a cluster speaks TLS, and a client without them is refused."""
    from onebin.farm.cluster import Cluster, run_on_cluster

    keys = tmp_path / "keys"
    succeed([sys.executable, ROOT / "examples" / "farm" / "certificates.py", keys, "builder.example"])
    options = [
        *("--tls-ca-file", str(keys / "worker" / "ca.pem")),
        *("--tls-cert", str(keys / "worker" / "cert.pem")),
        *("--tls-key", str(keys / "worker" / "key.pem")),
    ]
    monkeypatch.setattr("onebin.farm.cluster._CONNECT_SECONDS", 5)
    with farming(tmp_path / "farm", tmp_path / "cache", workers=1, protocol="tls", options=options) as farm:
        jobs = _jobs(2, tmp_path)
        trusted = Cluster(address=farm.address, certificates=keys / "client")

        def outcomes() -> list[tuple[Job, Outcome]]:
            return list(run_on_cluster(jobs, do_nothing, cluster=trusted, tell=_ignore, say=_ignore))

        wait_until(lambda: bool(_tags(trusted)), what="the worker is there", seconds=60)
        assert len(outcomes()) == 2
        with pytest.raises(FarmError, match="no scheduler answers"):
            list(run_on_cluster(jobs, do_nothing, cluster=Cluster(address=farm.address), tell=_ignore, say=_ignore))


def _tags(cluster: Cluster) -> set[str]:
    """Return the tags of a cluster's workers."""
    with cluster.client([]) as client:
        workers = client.scheduler_info(n_workers=-1)["workers"].values()
        return {tag for worker in workers for tag in worker["resources"]}

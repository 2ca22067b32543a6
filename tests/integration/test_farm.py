"""The engines: this machine, and a Dask scheduler with workers that are real processes."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from contextlib import closing
from functools import partial
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

    from onebin.farm.dask.cluster import Cluster
    from onebin.farm.jobs import Doing
    from support.farms import Farm

HERE = "linux-x86_64"
pytest.importorskip("distributed", reason="needs the extra `farm`")
import dask.config  # noqa: E402  # it comes with the extra


def _jobs(number: int, store: Path, platform: str = HERE) -> list[Job]:
    return [Job(cell=f"c{each}", key=f"k{each}", platform=platform, store=str(store)) for each in range(number)]


def _ignore(*_: object) -> None:
    pass


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    """Return a farm with two workers."""
    folder = tmp_path_factory.mktemp("farm")
    with farming(folder / "processes", folder / "cache", workers=2) as made:
        yield made


def _cluster(farm: Farm) -> Cluster:
    from onebin.farm.dask.cluster import Cluster

    return Cluster(address=farm.address)


def _outcomes(farm: Farm, jobs: list[Job]) -> list[tuple[Job, Outcome]]:
    from onebin.farm.dask.cluster import run_on_cluster

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
    from onebin.farm.dask.cluster import run_on_cluster

    _ready(farm, 2)
    said: list[str] = []
    jobs = _jobs(40, tmp_path)
    found = list(run_on_cluster(jobs, do_nothing, cluster=_cluster(farm), tell=_ignore, say=said.append))
    assert sorted(job.key for job, _ in found) == sorted(job.key for job in jobs)
    assert {outcome.status for _, outcome in found} == {"built"}
    assert said == [f"2 workers at {farm.address}"]  # and no dashboard: it is not installed


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
    from onebin.farm.dask.cluster import run_on_cluster

    _ready(farm, 2)
    told: list[tuple[str, Doing | None]] = []
    found: list[tuple[Job, Outcome]] = []

    def run() -> None:
        tell = lambda cell, doing: told.append((cell, doing))  # noqa: E731  # where it is used
        found.extend(run_on_cluster(_jobs(1, tmp_path), linger, cluster=_cluster(farm), tell=tell, say=_ignore))

    client = threading.Thread(target=run)
    client.start()
    wait_until(lambda: len(list(tmp_path.glob("c0-*"))) == 1, what="the job has begun")
    wait_until(lambda: bool(told), what="it is told")
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
    assert [cell for cell, _ in told] == ["c0", "c0", "c0"]
    (before, lost, after) = [doing for _, doing in told]
    assert lost is None
    assert before is not None
    assert after is not None
    assert (before.step, before.doing) == (after.step, after.doing) == ("linger", "as long as it may")
    assert before.worker.startswith("127.0.0.1:")
    assert after.worker != before.worker


def _has_begun(folder: Path, cell: str, times: int) -> bool:
    return len([*folder.glob(f"{cell}-*")]) >= times


def test_lost_worker_counts_only_against_what_it_did(tmp_path: Path) -> None:
    """Jobs that wait while worker after worker is lost are done in the end: they were on none of them."""
    from onebin.farm.dask.cluster import run_on_cluster

    found: list[tuple[Job, Outcome]] = []
    with farming(tmp_path / "farm", tmp_path / "cache", workers=1) as farm:
        _ready(farm, 1)

        def run() -> None:
            jobs = _jobs(6, tmp_path)
            found.extend(run_on_cluster(jobs, linger, cluster=_cluster(farm), tell=_ignore, say=_ignore))

        client = threading.Thread(target=run)
        client.start()
        for number in range(4):
            wait_until(partial(_has_begun, tmp_path, f"c{number}", 1), what="a job has begun")
            farm.kill_worker(0)
            farm.start_worker()
            wait_until(partial(_has_begun, tmp_path, f"c{number}", 2), what="it has begun again")
            (tmp_path / f"enough-c{number}").touch()
        (tmp_path / "enough").touch()
        client.join(60)
    assert {outcome.status for _, outcome in found} == {"built"}
    assert len(found) == 6


def test_platform_whose_workers_are_lost_for_good_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If no worker of a platform comes back, its jobs fail with that reason, and the others are done."""
    from onebin.farm.dask.cluster import run_on_cluster

    monkeypatch.setattr("onebin.farm.dask.cluster._PATIENCE_SECONDS", 2)
    monkeypatch.setattr("onebin.farm.dask.flow._LOOK_SECONDS", 0.5)
    found: list[tuple[Job, Outcome]] = []
    with farming(tmp_path / "farm", tmp_path / "cache", workers=1) as farm:
        farm.tags = ["linux-aarch64"]
        farm.start_worker()
        _ready(farm, 2)

        def run() -> None:
            jobs = [*_jobs(2, tmp_path), Job(cell="far", key="far", platform="linux-aarch64", store=str(tmp_path))]
            found.extend(run_on_cluster(jobs, linger, cluster=_cluster(farm), tell=_ignore, say=_ignore))

        client = threading.Thread(target=run)
        client.start()
        wait_until(lambda: any(tmp_path.glob("far-*")), what="the job has begun")
        farm.kill_worker(1)
        wait_until(lambda: bool(found), what="it is given up")
        (tmp_path / "enough").touch()
        client.join(60)
    ended = {job.cell: outcome for job, outcome in found}
    assert [ended[cell].status for cell in ("c0", "c1", "far")] == ["built", "built", "failed"]
    assert ended["far"].error is not None
    assert ended["far"].error["message"] == "all workers for linux-aarch64 were lost, and none has come back"


def test_closing_the_cluster_stops_what_runs_there(farm: Farm, tmp_path: Path) -> None:
    """When the client loses interest, or is gone, its jobs are stopped on the workers."""
    from onebin.farm.dask.cluster import run_on_cluster

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
    from onebin.farm.dask.cluster import Cluster, run_on_cluster

    monkeypatch.setattr("onebin.farm.dask.cluster._CONNECT_SECONDS", 1)
    nobody = Cluster(address="tcp://127.0.0.1:9")
    with pytest.raises(FarmError, match="no scheduler answers at tcp://"):
        list(run_on_cluster(_jobs(1, tmp_path), do_nothing, cluster=nobody, tell=_ignore, say=_ignore))


def test_own_workers_do_no_more_at_once_than_they_are_told(tmp_path: Path) -> None:
    """One worker on loopback does one job at a time, also if the jobs are for two platforms."""
    from onebin.farm.dask.cluster import Cluster, run_on_cluster

    jobs = [*_jobs(1, tmp_path), Job(cell="far", key="far", platform="linux-aarch64", store=str(tmp_path))]
    told: list[tuple[str, Doing | None]] = []
    found: list[tuple[Job, Outcome]] = []

    def run() -> None:
        tell = lambda cell, doing: told.append((cell, doing))  # noqa: E731  # where it is used
        found.extend(run_on_cluster(jobs, linger, cluster=Cluster(at_once=1), tell=tell, say=_ignore))

    client = threading.Thread(target=run)
    client.start()
    wait_until(lambda: bool(told), what="a job has begun")
    time.sleep(1)
    assert [cell for cell, _ in told] == ["c0"]
    (tmp_path / "enough").touch()
    client.join(60)
    assert [job.cell for job, _ in found] == ["c0", "far"]


@pytest.mark.parametrize("address", ["nonsense://x:1", "127.0.0.1", "tcp://:8786", "tcp://host:port", "host:99999"])
def test_address_that_is_none_is_an_error_at_once(address: str) -> None:
    """What cannot be an address is an error before anything is locked or asked."""
    from onebin.farm.dask.cluster import Cluster

    with pytest.raises(FarmError, match="is not the address of a scheduler") as caught:
        Cluster(address=address).check()
    assert caught.value.hint == "write tcp://host:8786, or tls://host:8786 with certificates (--tls)"
    Cluster(address="host:8786").check()


def test_missing_certificates_are_an_error_at_once(tmp_path: Path) -> None:
    """A folder of certificates that is not there, or lacks one, is an error before anything is locked or asked."""
    from onebin.farm.dask.cluster import Cluster

    with pytest.raises(FarmError, match="there is no folder"):
        Cluster(address="tls://host:8786", certificates=tmp_path / "keys").check()
    (tmp_path / "ca.pem").touch()
    with pytest.raises(FarmError, match=r"has no cert\.pem and no key\.pem"):
        Cluster(address="tls://host:8786", certificates=tmp_path).check()


@pytest.mark.parametrize("address", ["tls://127.0.0.1:9", "wss://127.0.0.1:9"])
def test_address_with_tls_needs_certificates_at_once(address: str, tmp_path: Path) -> None:
    """Without --tls, the certificates of Dask's configuration count; without those, --tls is asked for at once."""
    from onebin.farm.dask.cluster import Cluster

    with pytest.raises(FarmError, match="needs certificates") as caught:
        Cluster(address=address).check()
    assert "--tls DIR" in str(caught.value.hint)
    missing = {f"distributed.comm.tls.{name}": str(tmp_path / "none.pem") for name in ("ca-file", "client.cert")}
    with dask.config.set(missing), pytest.raises(FarmError, match="cannot be read"):
        Cluster(address=address).check()


def test_failed_connection_leaves_no_traceback() -> None:
    """A connection that fails in whatever way says nothing at the end of the process, and does not keep it waiting."""
    program = (
        "from onebin.farm.dask.cluster import Cluster, _Connection\n"
        "try:\n"
        "    _Connection('tls://127.0.0.1:9', timeout=10, set_as_default=False)\n"
        "except TypeError:\n"
        "    print('failed')\n"
    )
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr, done.returncode) == ("failed\n", "", 0)
    assert time.monotonic() - started < 15


def test_cells_are_queued_once_there_are_workers(farm: Farm, tmp_path: Path) -> None:
    """Nothing begins before the scheduler has answered: until then, a matrix says that it connects."""
    from onebin.farm.dask.cluster import Cluster, run_on_cluster

    begun: list[str] = []
    nobody = Cluster(address="tls://127.0.0.1:9")
    with pytest.raises(FarmError):
        list(
            run_on_cluster(
                _jobs(1, tmp_path),
                do_nothing,
                cluster=nobody,
                tell=_ignore,
                say=_ignore,
                begin=lambda: begun.append("nobody"),
            )
        )
    _ready(farm, 2)
    list(
        run_on_cluster(
            _jobs(3, tmp_path),
            do_nothing,
            cluster=_cluster(farm),
            tell=_ignore,
            say=_ignore,
            begin=lambda: begun.append("farm"),
        )
    )
    assert begun == ["farm"]


def test_certificates_of_the_example_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the example's certificates, a cluster speaks TLS, and a client without them is refused."""
    from onebin.farm.dask.cluster import Cluster, run_on_cluster

    keys = tmp_path / "keys"
    succeed([sys.executable, ROOT / "examples" / "farm" / "certificates.py", keys, "builder.example"])
    options = [
        *("--tls-ca-file", str(keys / "worker" / "ca.pem")),
        *("--tls-cert", str(keys / "worker" / "cert.pem")),
        *("--tls-key", str(keys / "worker" / "key.pem")),
    ]
    monkeypatch.setattr("onebin.farm.dask.cluster._CONNECT_SECONDS", 5)
    with farming(tmp_path / "farm", tmp_path / "cache", workers=1, protocol="tls", options=options) as farm:
        jobs = _jobs(2, tmp_path)
        trusted = Cluster(address=farm.address, certificates=keys / "client")

        def outcomes() -> list[tuple[Job, Outcome]]:
            return list(run_on_cluster(jobs, do_nothing, cluster=trusted, tell=_ignore, say=_ignore))

        wait_until(lambda: bool(_tags(trusted)), what="the worker is there", seconds=60)
        assert len(outcomes()) == 2
        without = Cluster(address=farm.address)
        with pytest.raises(FarmError, match="needs certificates"):
            list(run_on_cluster(jobs, do_nothing, cluster=without, tell=_ignore, say=_ignore))
        own = {"ca-file": "ca.pem", "client.cert": "cert.pem", "client.key": "key.pem"}
        with dask.config.set({f"distributed.comm.tls.{name}": str(keys / "client" / own[name]) for name in own}):
            assert _tags(without) == {HERE}


def _tags(cluster: Cluster) -> set[str]:
    """Return the tags of a cluster's workers."""
    with cluster.client([]) as client:
        workers = client.scheduler_info(n_workers=-1)["workers"].values()
        return {tag for worker in workers for tag in worker["resources"]}

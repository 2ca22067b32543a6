"""What the farm costs: cells that do nothing, cells that are built already, and builds with one and two workers.

    python benchmarks/farm.py [trivial] [stored] [built]

`trivial` sends 1,000, 3,000 and 10,000 jobs that do nothing through a scheduler and two workers on loopback: seconds
and CPU for each job, the CPU for each quarter of them, and the most memory of the scheduler and of the client. `stored`
is `onebin matrix` with 48 cells of which the store has all: each has its own lock, key, record and file in dist; the
objects are those of one artifact. `built` builds six cells of the flagship with one and with two workers; the cache has
all but what was frozen.
"""

from __future__ import annotations

import os
import resource
import shutil
import sys
import tempfile
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from onebin.farm import Job, MatrixRequest, Store, build_matrix, cells_of, do_nothing  # noqa: E402  # as above
from onebin.farm.keys import Keys  # noqa: E402  # as above
from onebin.pipeline import BuildRequest  # noqa: E402  # as above
from support.command import COMMAND  # noqa: E402  # of the tests' kit, whose place is not on the path before
from support.farms import farming  # noqa: E402  # as above
from support.processes import succeed  # noqa: E402  # as above
from support.projects import write_project  # noqa: E402  # as above

if TYPE_CHECKING:
    from support.farms import Farm

TICKS = os.sysconf("SC_CLK_TCK")
PYTHONS = '["3.10", "3.11", "3.12", "3.13"]'


def main() -> None:
    """Measure what is asked for, and print."""
    wanted = sys.argv[1:] or ["trivial", "stored", "built"]
    with tempfile.TemporaryDirectory() as name:
        os.environ["ONEBIN_CACHE_DIR"] = f"{name}/cache"
        for each in wanted:
            {"trivial": trivial, "stored": stored, "built": built}[each](Path(name) / each)


def trivial(folder: Path) -> None:
    """Send jobs that do nothing."""
    from onebin.farm.dask.cluster import Cluster, run_on_cluster  # noqa: PLC0415  # of the extra `farm`

    for number in (1_000, 3_000, 10_000):
        with farming(folder / str(number), folder / "cache", workers=2) as farm:
            cluster = Cluster(address=farm.address)
            farm.await_workers(2)
            jobs = [Job(cell=f"c{each}", key=f"k{each}", platform="linux-x86_64") for each in range(number)]
            cpu, started = _cpu(farm) + time.process_time(), time.monotonic()
            done, quarters = 0, [cpu]
            for done, _ in enumerate(run_on_cluster(jobs, do_nothing, cluster=cluster, tell=_ignore, say=_ignore), 1):
                if done % (number // 4) == 0:
                    quarters.append(_cpu(farm) + time.process_time())
            seconds, cpu = time.monotonic() - started, _cpu(farm) + time.process_time() - cpu
            each = ", ".join(f"{1000 * (end - begin) / (number // 4):.1f}" for begin, end in pairwise(quarters))
            memory = f"scheduler {_memory(_scheduler(farm))} MB, client {_own_memory()} MB"
            print(f"{done} jobs: {1000 * seconds / done:.2f} ms, {1000 * cpu / done:.2f} ms of CPU each; {memory}")
            print(f"  CPU in each quarter: {each} ms")


def stored(folder: Path) -> None:
    """Ask for cells that are in the store."""
    shutil.copytree(ROOT / "tests" / "projects", folder)
    names = ("greet-a", "greet-b", "greet-c", "greet-d")
    for name in names:
        points = {"tinyhost.greeters": {name: f"{name.replace('-', '_')}:greet"}}
        write_project(folder / name, "def greet(name):\n    return name\n", points=points)
    rows = "\n".join(f'{name} = {{ path = "{name}" }}' for name in names)
    sets = [[name for bit, name in enumerate(names) if number >> bit & 1] for number in range(11)]
    variants = "\n".join(f"variants.v{number} = {chosen}" for number, chosen in enumerate(sets))
    head = '[bundle]\nname = "tiny"\n[host]\npath = "tinyhost"\nscript = "tinyhost"\n[plugins]\n'
    (folder / "bundle.toml").write_text(f"{head}{rows}\n[matrix]\npythons = {PYTHONS}\n{variants}\n", "utf-8")
    build = BuildRequest.load(folder)
    cells = cells_of(build.manifest)
    store = Store.at(str(folder / "store"))
    first = MatrixRequest(build=build, store=store.url, cells=(f"v1-py3.11-{cells[0].platform}",))
    record = build_matrix(first).cells[0].record
    if record is None:
        sys.exit("the cell whose objects all cells share could not be built")
    keys = Keys(build=build)
    for cell in cells:
        store.put_record(keys.of(cell).key, replace(record, cell=cell.name))
    for what in ("with an empty dist", "with all files in dist"):
        started = time.monotonic()
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        succeed([*COMMAND, "matrix", "--store", str(folder / "store"), "-q"], cwd=folder)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        print(f"{len(cells)} stored cells, {what}: {time.monotonic() - started:.2f} s, {cpu:.2f} s of CPU")


def built(folder: Path) -> None:
    """Build six cells with one and with two workers."""
    shutil.copytree(ROOT / "examples" / "logscan", folder / "examples" / "logscan")
    table = '[matrix]\npythons = ["3.10", "3.12", "3.13"]\nvariants.lite = ["logscan-jsonl", "logscan-csv"]\n'
    (folder / "bundle.toml").write_text(f"{(ROOT / 'bundle.toml').read_text('utf-8')}\n{table}", "utf-8")
    cache = Path(os.environ["ONEBIN_CACHE_DIR"])
    env = {"ONEBIN_CACHE_DIR": str(cache)}
    succeed([*COMMAND, "matrix", "--store", str(folder / "warm")], cwd=folder, env=env, seconds=3600)
    for workers in (1, 2):
        shutil.rmtree(cache / "frozen")  # what was frozen before is not frozen again
        with farming(folder / f"farm{workers}", cache, workers=workers) as farm:
            farm.await_workers(workers)
            started = time.monotonic()
            words = ["matrix", "--store", str(folder / f"store{workers}"), "--scheduler", farm.address]
            succeed([*COMMAND, *words], cwd=folder, env=env, seconds=3600)
            print(f"6 cells with {workers} of 2 processors: {time.monotonic() - started:.1f} s")


def _ignore(*_: object) -> None:
    pass


def _scheduler(farm: Farm) -> int:
    return 0 if farm.scheduler is None else farm.scheduler.pid


def _cpu(farm: Farm) -> float:
    """Return the seconds of CPU that scheduler and workers have used."""
    pids = [_scheduler(farm), *(worker.pid for worker in farm.workers)]
    fields = [Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split() for pid in pids]
    return sum(int(each[11]) + int(each[12]) for each in fields) / TICKS


def _memory(pid: int) -> int:
    """Return the most memory that a process has had, in MB."""
    lines = Path(f"/proc/{pid}/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) // 1000


def _own_memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1000


if __name__ == "__main__":
    main()

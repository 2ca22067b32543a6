"""What runs on a worker: one job, for as long as the scheduler wants its result."""

from __future__ import annotations

import time
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from distributed import get_worker

if TYPE_CHECKING:
    from distributed import Worker

    from onebin.farm.jobs import Doing, Job, Work
    from onebin.farm.results import Outcome

_WANTED_SECONDS = 0.5
_UNWANTED = {"cancelled", "resumed", "released", "forgotten"}


def do_job(job: Job, *, work: Work, topic: str) -> Outcome:
    """Do some work for a job on this worker; what it does is logged under a topic, for the client."""
    worker = get_worker()
    name = _name(worker)
    key, last = worker.get_current_task(), 0.0
    is_wanted = True

    def wanted() -> bool:
        nonlocal last, is_wanted
        if time.monotonic() - last > _WANTED_SECONDS:
            task, last = worker.state.tasks.get(key), time.monotonic()
            is_wanted = task is not None and task.state not in _UNWANTED
        return is_wanted

    def tell(doing: Doing) -> None:
        worker.log_event(topic, {"cell": job.cell, "doing": asdict(replace(doing, worker=name))})

    return work(job, wanted, tell)


def _name(worker: Worker) -> str:
    """Return what a worker is called: the name that it was given, or else its address."""
    own = worker.name
    return own if isinstance(own, str) and own != worker.address else str(worker.address).partition("://")[2]

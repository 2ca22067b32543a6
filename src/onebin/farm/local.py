"""The engine of one machine: so many jobs at once as its processors and its memory allow."""

from __future__ import annotations

import os
import queue
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from onebin.farm.jobs import Job, TellOf, Work
    from onebin.farm.results import Outcome

_CELL_BYTES = 1_000_000_000  # that the build of a cell needs, at least


def fitting_jobs() -> int:
    """Return how many cells this machine can build at once."""
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(processors, _free_memory() // _CELL_BYTES))


def _free_memory() -> int:
    """Return the bytes of memory that programs can still get; where the system does not say it, very many."""
    try:
        lines = Path("/proc/meminfo").read_text("ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError):
        return 1 << 50


def run_here(jobs: Sequence[Job], work: Work, *, at_once: int, tell: TellOf) -> Generator[tuple[Job, Outcome]]:
    """Do some work for each job, and yield what came of it, as it comes.

    `tell` gets the name of a cell and what is done for it. If the iteration is closed before its end, what runs is
    stopped.
    """
    ended: queue.SimpleQueue[tuple[Job, Outcome | BaseException]] = queue.SimpleQueue()
    stopped = threading.Event()

    def do(job: Job) -> None:
        try:
            ended.put((job, work(job, lambda: not stopped.is_set(), lambda doing: tell(job.cell, doing))))
        except BaseException as error:  # noqa: BLE001  # raised again in the thread that iterates
            ended.put((job, error))

    pool = ThreadPoolExecutor(at_once)
    try:
        for job in jobs:
            pool.submit(do, job)
        for _ in jobs:
            job, outcome = ended.get()
            if isinstance(outcome, BaseException):
                raise outcome
            yield job, outcome
    finally:
        stopped.set()
        pool.shutdown(cancel_futures=True)

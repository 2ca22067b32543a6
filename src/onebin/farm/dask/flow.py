"""How jobs flow to the workers of a scheduler: never more at once than the workers have room for.

A scheduler hands every job that it has to a worker at once, and counts a worker that is lost against each of its jobs,
also against those that it had not begun. So a job is sent when there is room for it. That also has a worker that comes
later get some, and lets the scheduler know only of those jobs that run.
"""

from __future__ import annotations

import queue
import time
import uuid
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from onebin.farm.dask.remote import do_job
from onebin.farm.jobs import Doing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from distributed import Client, Future

    from onebin.farm.jobs import Job, TellOf, Work
    from onebin.farm.results import Outcome

_LOOK_SECONDS = 5.0  # after which the workers are looked at again, if no event has said that they are others


@dataclass(frozen=True, kw_only=True)
class Room:
    """How many jobs the workers can do at once: for each platform, and together."""

    platforms: Mapping[str, int]
    together: int

    @classmethod
    def of(cls, client: Client, platforms: Iterable[str]) -> Room:
        """Return the room of the workers that a scheduler has now; raises OSError if it has gone."""
        found = dict.fromkeys(platforms, 0)
        together = 0
        for worker in workers_of(client).values():
            own = {name: int(worker["resources"].get(name, 0)) for name in found}
            threads = int(worker["nthreads"])
            for name, number in own.items():
                found[name] += min(number, threads)
            together += min(sum(own.values()), threads)
        return cls(platforms=found, together=together)


def workers_of(client: Client) -> Mapping[str, Mapping[str, Any]]:
    """Return what a scheduler knows of its workers, by their addresses; raises OSError if it has gone."""
    found: Mapping[str, Mapping[str, Any]] = client.scheduler_info(n_workers=-1)["workers"]
    return found


@dataclass(kw_only=True)
class Flow:
    """Jobs on their way to the workers of a scheduler, and back; used as a context manager, which cancels the rest."""

    client: Client
    work: Work
    tell: TellOf
    waiting: dict[str, deque[Job]] = field(default_factory=dict)
    sent: dict[str, tuple[Job, Future[Outcome]]] = field(default_factory=dict)
    lacking: dict[str, float] = field(default_factory=dict)  # platforms without a worker, and since when
    _ended: queue.SimpleQueue[str] = field(default_factory=queue.SimpleQueue)
    _topic: str = field(default_factory=lambda: f"onebin-{uuid.uuid4().hex}")
    _room: Room = Room(platforms={}, together=0)
    _looked: float | None = None

    def __enter__(self) -> Self:
        """Begin to listen to workers and scheduler."""
        self.client.subscribe_topic(self._topic, self._hear)
        self.client.subscribe_topic("all", self._notice)
        return self

    def __exit__(self, *_: object) -> None:
        """Cancel what is on its way; the scheduler may have gone."""
        with suppress(Exception):
            self.client.cancel([future for _, future in self.sent.values()], force=True)
        for topic in (self._topic, "all"):
            with suppress(Exception):
                self.client.unsubscribe_topic(topic)

    def add(self, jobs: Iterable[Job]) -> None:
        """Have jobs wait to be sent."""
        for job in jobs:
            self.waiting.setdefault(job.platform, deque()).append(job)

    def fill(self) -> None:
        """Send as many jobs as the workers have room for; raises OSError if the scheduler has gone."""
        now = time.monotonic()
        if self._looked is None or now - self._looked > _LOOK_SECONDS:
            self._looked = now
            self._room = Room.of(self.client, self.waiting)
            lacking = {name for name, number in self._room.platforms.items() if not number and self._has_left(name)}
            self.lacking = {name: self.lacking.get(name, now) for name in lacking}
        for platform, jobs in self.waiting.items():
            busy = sum(job.platform == platform for job, _ in self.sent.values())
            free = min(self._room.platforms[platform] - busy, self._room.together - len(self.sent))
            for _ in range(min(free, len(jobs))):
                self._send(jobs.popleft())

    def ended(self, seconds: float) -> Iterator[tuple[Job, Future[Outcome]]]:
        """Yield the jobs that have ended, after waiting some time for one."""
        with suppress(queue.Empty):
            key = self._ended.get(timeout=seconds)
            while True:
                if key in self.sent:
                    yield self.sent.pop(key)
                key = self._ended.get_nowait()

    def give_up(self, platform: str) -> list[Job]:
        """Cancel the jobs for a platform, and return them."""
        own = {key: sent for key, sent in self.sent.items() if sent[0].platform == platform}
        self.client.cancel([future for _, future in own.values()], force=True)
        for key in own:
            del self.sent[key]
        return [*(job for job, _ in own.values()), *self.waiting.pop(platform)]

    def _has_left(self, platform: str) -> bool:
        return bool(self.waiting[platform]) or any(job.platform == platform for job, _ in self.sent.values())

    def _send(self, job: Job) -> None:
        key = f"onebin-{job.key}-{uuid.uuid4().hex[:8]}"  # a scheduler may still know the job of an earlier run
        future = self.client.submit(
            do_job, job, work=self.work, topic=self._topic, key=key, resources={job.platform: 1}, pure=False
        )
        self.sent[key] = job, future
        future.add_done_callback(lambda _: self._ended.put(key))

    def _hear(self, event: tuple[float, Mapping[str, Any]]) -> None:
        """Take what a worker does."""
        said = event[1]
        self.tell(said["cell"], Doing(**said["doing"]))

    def _notice(self, event: tuple[float, Mapping[str, Any]]) -> None:
        """Take what the scheduler says of its workers: jobs of one that is lost wait again."""
        action = event[1].get("action")
        if action in {"add-worker", "remove-worker"}:
            self._looked = None
        if action == "remove-worker":
            for key in event[1].get("processing-tasks", ()):
                if (sent := self.sent.get(key)) is not None:
                    self.tell(sent[0].cell, None)

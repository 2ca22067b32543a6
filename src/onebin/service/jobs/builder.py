"""The builder: threads that take builds from the ledger, one after the other, and have each done by a child process.

Whatever happens to such a process is a result. One that was killed is begun again, a few times at most. When the
service stops, what runs waits again; when it was killed, the next service finds it.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

from onebin.errors import FarmError, OnebinError, StoreError
from onebin.farm import CellAttestor, Store, fitting_jobs
from onebin.pipeline import failure_of
from onebin.service.jobs.job import ServiceJob
from onebin.service.jobs.ledger import MOST_ATTEMPTS
from onebin.service.jobs.listener import Listener
from onebin.service.jobs.orphans import adopt_orphans, end_orphans, strangers
from onebin.service.jobs.watch import Watch
from onebin.service.jobs.wording import Discretion
from onebin.service.log import log
from onebin.system import converse, environment, megabytes, sha256_of_file, to_json
from onebin.trust import signed_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from onebin.catalogue import Catalogue
    from onebin.pipeline import ErrorFacts
    from onebin.service.jobs.build import Build, BuildError
    from onebin.service.jobs.job import JobResult
    from onebin.service.jobs.ledger import Ledger
    from onebin.service.settings import ServiceSettings
    from onebin.system import Attempt

T = TypeVar("T")

_IDLE_SECONDS = 5.0
_FORGET_SECONDS = 3600.0
_ASK_AGAIN = "ask for it again; if that happens twice, tell whoever runs this service"
_ON_CLUSTER = 8  # builds at once, for each of which a process here waits


@dataclass(kw_only=True)
class Builder:
    """Has builds done until it is stopped."""

    settings: ServiceSettings
    catalogue: Catalogue
    ledger: Ledger
    store: Store
    _threads: list[threading.Thread] = field(default_factory=list)
    _news: threading.Condition = field(default_factory=threading.Condition)
    _is_stopping: list[bool] = field(default_factory=lambda: [False])
    _busy: int = 0
    _spared: set[int] = field(default_factory=set)
    discretion: Discretion = field(init=False)

    def __post_init__(self) -> None:
        """Learn which words may not leave this machine."""
        catalogue = self.catalogue.directory
        folders = {self._work: "(build)", self.settings.directory: "(service)", catalogue: "(catalogue)"}
        self.discretion = Discretion.of(folders)

    @property
    def at_once(self) -> int:
        """How many builds run at once: as many as fit here, or as one service asks a scheduler for."""
        return self.settings.at_once or (fitting_jobs() if self.settings.scheduler is None else _ON_CLUSTER)

    @property
    def is_running(self) -> bool:
        """Whether every thread that should build does."""
        return bool(self._threads) and all(thread.is_alive() for thread in self._threads)

    def start(self) -> int:
        """Begin to take builds; returns how many ran when the last service was killed, and wait again now."""
        if self.settings.owns_process:
            self._spared = strangers()  # such as those of a script that has become this service
            adopt_orphans()
        shutil.rmtree(self._work, ignore_errors=True)
        again = self.ledger.recover()
        # One more looks up what waits while all others build: what the store has does not wait for what it has not.
        works = [self._take] * self.at_once + [self._look_up]
        self._threads = [threading.Thread(target=work, name=work.__name__) for work in works]
        for thread in self._threads:
            thread.start()
        return again

    def wake(self) -> None:
        """Look for builds now."""
        with self._news:
            self._news.notify_all()

    def stop(self) -> None:
        """Stop what runs, have it wait for the next service, and end."""
        self._is_stopping[0] = True
        with self._news:
            self._news.notify_all()
        for thread in self._threads:
            thread.join()

    @property
    def _work(self) -> Path:
        return self.settings.directory / "work"

    def _take(self) -> None:
        """Build what waits, until the service stops."""
        forgot = 0.0
        while not self._is_stopping[0]:
            if time.monotonic() - forgot > _FORGET_SECONDS:
                self._tried(lambda: self.ledger.forget(time.time() - self.settings.limits.keep))
                forgot = time.monotonic()
            build = self._tried(self.ledger.begin)
            if build is None:
                self._wait()
                continue
            self._count(1)
            try:
                self._do(build, self._build)
            finally:
                self._count(-1)

    def _look_up(self) -> None:
        """While all other threads build, see what of the rest the store has, until the service stops."""
        while not self._is_stopping[0]:
            is_late = self._busy == self.at_once
            build = self._tried(self.ledger.look_up) if is_late else None
            if build is None:
                self._wait()
            else:
                self._do(build, self._take_stored)

    def _wait(self) -> None:
        with self._news:
            self._news.wait(_IDLE_SECONDS)

    def _count(self, more: int) -> None:
        """Count the threads that build."""
        with self._news:
            self._busy += more
            self._news.notify_all()

    def _tried(self, change: Callable[[], T]) -> T | None:
        """Return what a change of the ledger returns; None if the disk does not allow it now."""
        try:
            return change()
        except sqlite3.Error as error:
            log(f"{self.ledger.file.name} cannot be changed: {error}")
            return None

    def _do(self, build: Build, work: Callable[[Build], None]) -> None:
        """Do some work for a build, and note why that failed, if it did, as soon as the disk allows it.

        If the service ends before, the next one begins the build again.
        """
        failure = self._failure(build, work)
        if failure is None:
            return

        def note() -> bool:
            self.ledger.fail(build.id, failure)
            return True

        while not self._is_stopping[0] and not self._tried(note):
            self._wait()

    def _failure(self, build: Build, work: Callable[[Build], None]) -> BuildError | None:
        """Do some work for a build; returns why that failed, if nobody has noted it yet."""
        try:
            work(build)
        except OnebinError as error:
            return self._error(build, error)
        except sqlite3.Error as error:
            log(f"build {build.id}: {error}")
            hint = "ask for it again in a while; if that happens twice, tell whoever runs this service"
            return self.discretion.own("service", "the service could not write down what it did", hint)
        except Exception as error:  # noqa: BLE001  # a fault of the service ends one build, not the service
            log(f"build {build.id}: {error!r}")
            return self.discretion.own("service", "the service has failed at this", _ASK_AGAIN)
        return None

    def _build(self, build: Build) -> None:
        """Have a build done, and note what came of it; raises OnebinError."""
        if build.attempts > MOST_ATTEMPTS:
            message = f"it was begun {MOST_ATTEMPTS} times, and each time its process or the service was killed"
            hint = "tell whoever runs this service: the machine may lack memory"
            self.ledger.fail(build.id, self.discretion.own("build", message, hint))
            return
        if build.attempts > 1:
            self.ledger.log(build.id, f"begun again: attempt {build.attempts} of {MOST_ATTEMPTS}")
        with self._folder(build.id) as folder:
            listener, ended = self._run(build, self._job(build, folder))
            watch, result = listener.watch, listener.result
            if result is not None and result.record is not None and watch.end != "garbled":
                self._publish(build, result)
            elif watch.end is not None:
                self._stopped(build, watch, listener.step or "start")
            elif result is not None and result.error is not None:
                self._failed(build, result.error, result.stage)
            else:
                self._lost(build, ended, listener.step or "start")

    def _take_stored(self, build: Build) -> None:
        """End a build that waits if the store has it, or if it cannot be locked; raises OnebinError.

        It stays in its place meanwhile. If a thread comes to it before this ends, that one finds the same.
        """
        with self._folder(f"{build.id}-stored") as folder:
            listener, _ = self._run(build, replace(self._job(build, folder), only_look=True))
            result = listener.result
            if result is not None and result.record is not None:
                self._publish(build, result)
            elif result is not None and result.stage == "lock" and result.error is not None:
                self._failed(build, result.error, result.stage)

    @contextmanager
    def _folder(self, name: str) -> Iterator[Path]:
        """Provide an empty folder for the block."""
        folder = self._work / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _run(self, build: Build, job: ServiceJob) -> tuple[Listener, Attempt]:
        """Run the process of a build until it has ended, or may not go on."""
        limits = self.settings.limits
        watch = Watch(build=build.id, ledger=self.ledger, limits=limits, is_stopping=self._is_stopping)
        listener = Listener(
            build=build, ledger=self.ledger, discretion=self.discretion, watch=watch, is_quiet=job.only_look
        )
        command = [sys.executable, "-P", "-m", "onebin.service.jobs.child"]
        stdin = json.dumps(to_json(job))
        try:
            ended = converse(
                command, env=environment(), stdin=stdin, each=listener.read, wanted=watch, began=watch.begin
            )
        finally:
            self._end_orphans()
        return listener, ended

    def _end_orphans(self) -> None:
        """End what builds have left, if every process below this one is the service's own."""
        if self.settings.owns_process:
            end_orphans(self._spared)

    def _job(self, build: Build, folder: Path) -> ServiceJob:
        settings = self.settings
        return ServiceJob(
            catalogue=self.catalogue.file.absolute(),
            text=self.catalogue.text,
            order=build.order,
            manifest=build.manifest,
            file=build.file,
            folder=folder,
            store=self.store.url,
            source=settings.source,
            engine=settings.engine,
            scheduler=settings.scheduler,
            certificates=settings.certificates,
            memory=settings.limits.memory,
        )

    def _publish(self, build: Build, result: JobResult) -> None:
        """Sign what was built, and note that the build is done; raises OnebinError.

        Of an artifact that others may have put into a shared store, nobody here knows how it was built: it gets neither
        provenance nor a signature.
        """
        record, file, key = result.record, result.file, result.key
        if record is None or file is None or key is None:
            raise ValueError("a build that succeeded has a key, a record and a file")
        if self.store.record(key) != record or sha256_of_file(file) != record.artifact:
            raise StoreError("what its process says is not what is in the store", "ask for it again")
        signature, has_provenance = None, False
        attestor = self.settings.attestor
        if attestor is not None:
            self.ledger.advance(build.id, "attest", "")
            cells = CellAttestor(
                attestor=attestor,
                store=self.store,
                source=replace(self.settings.source, project=self.catalogue.directory),
                is_own_store=self.settings.store is None,
            )
            has_provenance = cells.attest(key, file, record.artifact, was_built=result.was_built) is not None
            signature = signed_text(file, attestor.private) if has_provenance else None
        how = "built" if result.was_built else "taken from the store, which had it"
        self.ledger.log(build.id, f"{how}: {megabytes(record.size)}, SHA-256 {record.artifact}")
        self.ledger.finish(
            build.id,
            key=key,
            record=record,
            report=result.report,
            versions=result.versions,
            signature=signature,
            has_provenance=has_provenance,
        )

    def _failed(self, build: Build, error: ErrorFacts, stage: str) -> None:
        """Note why a build failed; if who was to build it was lost, have it wait again."""
        if error["class"] == FarmError.__name__ and build.attempts < MOST_ATTEMPTS:
            self.ledger.log(build.id, f"{self.discretion.text(error['message'])}; it waits to be begun again")
            self.ledger.requeue(build.id)
        else:
            told = self.discretion.error(error, stage, build.order)
            is_ours = error["class"] == FarmError.__name__  # the hint of that is for who runs the service
            self.ledger.fail(build.id, replace(told, hint=_ASK_AGAIN) if is_ours else told)

    def _stopped(self, build: Build, watch: Watch, step: str) -> None:
        limits = self.settings.limits
        match watch.end:
            case "stopping":
                self.ledger.requeue(build.id, is_free=True)
            case "unwanted":
                self.ledger.cancel(build.id)
                self.wake()
            case "late":
                message = f"it took longer than {limits.seconds:g} s, and was stopped at the step {step}"
                self.ledger.fail(build.id, self.discretion.own(step, message, "choose fewer plugins, or ask again"))
            case "garbled":
                message = f"something in it wrote among the messages of its process at the step {step}; it was stopped"
                hint = "choose other plugins, or tell whoever runs this service: one of them may do harm"
                self.ledger.fail(build.id, self.discretion.own(step, message, hint))
            case "large":
                message = (
                    f"it needed more than {megabytes(limits.memory)} of memory at the step {step}, and was stopped"
                )
                hint = "choose fewer plugins, or ask whoever runs this service for more"
                self.ledger.fail(build.id, self.discretion.own(step, message, hint))

    def _lost(self, build: Build, ended: Attempt, step: str) -> None:
        """Have a build wait again whose process was killed; any other end without a result is a fault of onebin."""
        was_killed = ended.code is None or ended.code < 0
        if was_killed and build.attempts >= MOST_ATTEMPTS:
            message = f"its process was killed {MOST_ATTEMPTS} times, the last time at the step {step}"
            hint = "choose other plugins, or tell whoever runs this service: the machine may lack memory"
            self.ledger.fail(build.id, self.discretion.own(step, message, hint))
            return
        if was_killed:
            self.ledger.log(build.id, f"its process was killed at the step {step}; it waits to be begun again")
            self.ledger.requeue(build.id)
            self.wake()
            return
        message = f"its process ended with exit code {ended.code}: {ended.tail.splitlines()[-1] if ended.tail else ''}"
        self.ledger.fail(build.id, self.discretion.own("build", message, _ASK_AGAIN))

    def _error(self, build: Build, error: OnebinError) -> BuildError:
        return self.discretion.error(failure_of(error)["error"], "publish", build.order)

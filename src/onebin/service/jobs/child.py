"""The process of one build: `python -m onebin.service.jobs.child`.

It reads a ServiceJob as one line of JSON from standard input and writes what it does and how it ended as lines of JSON.
When standard input ends, the service has gone or does not want the build any more, and it stops like after Ctrl-C,
with all programs that it has started.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from onebin.catalogue import Catalogue, Places, placed, stage_of
from onebin.errors import CatalogueError, OnebinError
from onebin.farm import Keys, MatrixRequest, Store, build_matrix, cells_of
from onebin.pipeline import (
    CellAdvanced,
    Note,
    StepAdvanced,
    StepStarted,
    failure_of,
)
from onebin.report import render_report, report_on
from onebin.service.jobs.job import Doing, JobResult, Line, Said, ServiceJob
from onebin.service.jobs.orphans import adopt_orphans, kill_orphans
from onebin.system import from_json, stop_with_parent, to_json

if sys.platform == "linux":
    import resource

if TYPE_CHECKING:
    from onebin.pipeline import BuildRequest, ErrorFacts, Event


def main() -> None:
    """Build what standard input asks for."""
    job = from_json(ServiceJob, json.loads(sys.stdin.readline()))
    stop_with_parent()
    os.chdir(job.folder)  # what is said names files from here, and not where this is
    _limit_memory(job.memory)
    adopt_orphans()
    try:
        _say(_result(job))
    except OnebinError as error:
        _say(_failed(job, failure_of(error)["error"]))
    except KeyboardInterrupt:
        _say(JobResult(cancelled=True))
    finally:
        kill_orphans()


def _limit_memory(most: int) -> None:
    """Limit the memory of each process of this build; the service watches what they have together."""
    if sys.platform == "linux":
        hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def _result(job: ServiceJob) -> JobResult:
    """Build what a job asks for into the store; raises OnebinError."""
    build = _request(job)
    if job.only_look and not _is_stored(job, build):
        return JobResult(is_missing=True)
    asked = MatrixRequest(
        build=build,
        store=job.store,
        engine=job.engine,
        scheduler=job.scheduler,
        certificates=job.certificates,
        at_once=1,
    )
    cell = build_matrix(asked, _Sayer()).cells[0]
    if cell.status == "cancelled":
        return JobResult(cancelled=True)
    if cell.error is not None or cell.file is None or cell.record is None:
        return _failed(job, cell.error)
    _say(Doing(step="report"))
    file = cell.file.rename(cell.file.with_name(job.file))
    report = replace(report_on(file), file=file.name)
    return JobResult(
        key=cell.key,
        file=file,
        record=cell.record,
        report=Store.at(job.store).add(render_report(report).encode()),
        versions={report.host["name"]: report.host["version"]}
        | {plugin.distribution: plugin.version for plugin in report.plugins},
        was_built=cell.status == "built",
    )


def _is_stored(job: ServiceJob, build: BuildRequest) -> bool:
    """Lock a build, and return whether the store has it; raises OnebinError."""
    keyed = Keys(build=build).of(cells_of(build.manifest)[0])
    return Store.at(job.store).record(keyed.key) is not None


def _request(job: ServiceJob) -> BuildRequest:
    """Return the request for what a job asks for, with the host's local sources in its folder; raises OnebinError."""
    catalogue = Catalogue.parse(job.text, file=job.catalogue)
    if catalogue.manifest(job.order) != job.manifest:
        raise CatalogueError("the catalogue was changed since this was asked for", (), "ask for it again")
    return _places(job, catalogue).request(job.manifest, job.order.host, job.order.platform or "")


def _places(job: ServiceJob, catalogue: Catalogue) -> Places:
    return Places(catalogue=catalogue, folder=job.folder, source=job.source)


def _failed(job: ServiceJob, error: ErrorFacts | None) -> JobResult:
    """Return how a build failed, with the keys of the catalogue instead of those of a manifest that nobody has."""
    if error is None:
        return JobResult(cancelled=True)
    catalogue = Catalogue.parse(job.text, file=job.catalogue)
    at_home = placed(error, _places(job, catalogue).manifest_file(job.order.host), job.order.host, catalogue)
    return JobResult(error=at_home, stage=stage_of(at_home))


def _say(said: Said) -> None:
    print(json.dumps({"kind": type(said).__name__, **to_json(said)}), flush=True)  # noqa: T201  # read by the builder


class _Sayer:
    """Says what a build does, once until that changes."""

    def __init__(self) -> None:
        self._last: Said | None = None

    def __call__(self, event: Event) -> None:
        """Receive an event."""
        match event:
            case StepStarted(step=name):
                self._say(Doing(step=name))
            case StepAdvanced(step=name, doing=doing) | CellAdvanced(step=name, doing=doing):
                self._say(Doing(step=name or "wait", doing=doing))
            case Note(text=text):
                self._say(Line(text=f"note: {text}"))

    def _say(self, said: Said) -> None:
        if said != self._last:
            self._last = said
            _say(said)


if __name__ == "__main__":
    main()

"""The process that builds one cell: `python -m onebin.farm.child`.

It reads a job as one line of JSON from standard input, writes what it does and how it ended as lines of JSON to
standard output, and puts the results into the store. When standard input ends, whoever wanted the cell has gone, and it
stops like after Ctrl-C, with all programs that it has started.
"""

from __future__ import annotations

import json
import sys
import time
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from onebin.errors import FarmError, OnebinError
from onebin.farm.jobs import Doing, Job
from onebin.farm.keys import inputs_for, key_of, locked
from onebin.farm.results import Outcome
from onebin.farm.sources import unpack_sources
from onebin.farm.store import Record, Store
from onebin.manifest import Manifest
from onebin.pipeline import (
    BuildRequest,
    Detail,
    Note,
    Output,
    StepAdvanced,
    StepFinished,
    StepStarted,
    bundle,
    failure_of,
)
from onebin.system import from_json, scratch, stop_with_parent, to_json
from onebin.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onebin.pipeline import Event

_WAITING = Doing(step="wait", doing="another process builds this cell", is_waiting=True)


def main() -> None:
    """Build the cell that standard input names."""
    job = from_json(Job, json.loads(sys.stdin.readline()))
    stop_with_parent()
    started = time.monotonic()
    try:
        status = _build(job)
        outcome = Outcome(status="built" if status else "stored", seconds=time.monotonic() - started)
    except OnebinError as error:
        outcome = Outcome(status="failed", seconds=time.monotonic() - started, error=failure_of(error)["error"])
    except KeyboardInterrupt:
        outcome = Outcome(status="cancelled", seconds=time.monotonic() - started)
    _say(outcome=to_json(outcome))


def _say(**line: object) -> None:
    print(json.dumps(line), flush=True)  # noqa: T201  # read by `work`, which started this process


def _build(job: Job) -> bool:
    """Build a cell into the store unless it is there; returns whether it was built. Raises OnebinError."""
    store = Store.at(job.store)
    if store.identity() != job.identity:
        raise FarmError(
            f"the store {store.url} of this worker is another one than the client's",
            "use a folder that all machines share, or a bucket: --store s3://bucket/prefix",
        )
    say = _Sayer()
    with scratch() as folder, store.claimed(job.key, lambda: say(_WAITING)):
        if store.record(job.key) is not None:
            return False
        with request_for(job, store, folder) as request:
            _check_inputs(job, request)
            return _built(job, request, store, folder, say)


@contextmanager
def request_for(job: Job, store: Store, folder: Path) -> Iterator[BuildRequest]:
    """Provide the request of a job, with its files in a folder if they are not here.

    Errors name them as the client does.
    """
    asked = from_json(BuildRequest, dict(job.request))
    output = folder / "artifact" / asked.manifest.bundle.name
    output.parent.mkdir()
    if not job.sources:
        yield replace(asked, workspace=replace(asked.workspace, output=output), locked=True)
        return
    place = folder / "sources"
    manifest = place / PurePosixPath(asked.manifest.file)
    manifest.parent.mkdir(parents=True)
    unpack_sources(job.sources, store, place)
    at = Workspace.at(manifest, output=output, platform=asked.platform)
    workspace = replace(at, cell=asked.workspace.cell)
    workspace.lock_file(asked.manifest.bundle.name).write_bytes(store.read(job.lock))
    try:
        yield replace(
            asked,
            manifest=Manifest.parse(asked.manifest.text, file=manifest),
            workspace=workspace,
            source=replace(asked.source, project=None),
            locked=True,
        )
    except OnebinError as error:
        _forget(error, f"{manifest.parent}/")
        raise


def _forget(error: OnebinError, folder: str) -> None:
    """Have an error name files as they are named where they come from."""
    error.message = error.message.replace(folder, "")
    error.tail = error.tail.replace(folder, "")
    error.findings = tuple(
        replace(each, where=each.where.replace(folder, ""), message=each.message.replace(folder, ""))
        for each in error.findings
    )


def _check_inputs(job: Job, request: BuildRequest) -> None:
    """Raise FarmError if this machine would build something else than the key says."""
    found = inputs_for(request, locked(request))
    if key_of(found) != job.key:
        other = [name for name in job.inputs if job.inputs[name] != found[name]]
        raise FarmError(
            f"another artifact would be made here: this is not the client's {' and '.join(other)}",
            "the sources changed meanwhile: run it again"
            if not job.sources
            else "install the same onebin and the same builds of Python on client and workers",
        )


def _built(job: Job, request: BuildRequest, store: Store, folder: Path, say: _Sayer) -> bool:
    log = _Log(say)
    try:
        made = bundle(request, log)
    finally:
        log.write(folder / "log")
    say(Doing(step="store"))
    record = Record(
        cell=job.cell,
        inputs=job.inputs,
        artifact=store.add(made.file),
        size=made.size,
        card=store.add(_document(made.facts)),
        sbom=store.add(_document(made.facts["sbom"])),
        log=store.add(folder / "log"),
        seconds=round(made.seconds, 3),
    )
    return store.put_record(job.key, record)


def _document(value: object) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True) + "\n").encode("utf-8", "surrogatepass")


class _Sayer:
    """Says what is done, once until it changes."""

    def __init__(self) -> None:
        self._last: Doing | None = None

    def __call__(self, doing: Doing) -> None:
        """Say it unless it was said last."""
        if doing != self._last:
            self._last = doing
            _say(**{name: value for name, value in asdict(doing).items() if value})


class _Log:
    """Says what a build does, and keeps the lines of its log."""

    def __init__(self, say: _Sayer) -> None:
        self._lines: list[str] = []
        self._say = say

    def __call__(self, event: Event) -> None:
        """Receive an event."""
        match event:
            case StepStarted(step=name):
                self._say(Doing(step=name))
            case StepAdvanced(step=name, doing=doing, is_waiting=is_waiting):
                self._say(Doing(step=name, doing=doing, is_waiting=is_waiting))
            case StepFinished():
                self._lines.append(f"{event.step}: {event.outcome} ({event.seconds:.1f} s)")
            case Note(text=text):
                self._lines.append(f"note: {text}")
            case Detail(text=text):
                self._lines.append(f"  {text}")
            case Output(line=line):
                self._lines.append(f"  | {line}")

    def write(self, file: Path) -> None:
        """Write the log."""
        file.write_text("".join(f"{line}\n" for line in self._lines), "utf-8")


if __name__ == "__main__":
    main()

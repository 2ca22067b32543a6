"""Build one cell in a process of its own: whatever happens to that process is a result.

`build_cell` is what engines call, on this machine or another one. `do_nothing` takes its place where only the engine is
of interest: in measurements of it.
"""

from __future__ import annotations

import json
import platform
import sys
import time
from typing import TYPE_CHECKING

from onebin.errors import FarmError, ProcessError
from onebin.farm.jobs import Doing
from onebin.farm.results import Outcome
from onebin.pipeline import failure_of
from onebin.system import converse, environment, from_json, to_json

if TYPE_CHECKING:
    from onebin.farm.jobs import Job, Tell, Wanted


def build_cell(job: Job, wanted: Wanted, tell: Tell) -> Outcome:
    """Build a cell in a process of its own, which is stopped as soon as its result is not `wanted` any more."""
    started, worker = time.monotonic(), platform.node()
    outcomes: list[object] = []

    def read(line: str) -> None:
        said = json.loads(line)
        if "step" in said:
            tell(Doing(**said))
        else:
            outcomes.append(said["outcome"])

    command = [sys.executable, "-P", "-m", "onebin.farm.child"]
    try:
        ended = converse(command, env=environment(), stdin=json.dumps(to_json(job)), each=read, wanted=wanted)
    except ProcessError as error:
        return _failed(str(error), error.tail, time.monotonic() - started, worker)
    seconds = time.monotonic() - started
    if outcomes:
        found = from_json(Outcome, outcomes[0])
        return Outcome(status=found.status, seconds=seconds, error=found.error, worker=worker)
    if ended.code is None:
        return Outcome(status="cancelled", seconds=seconds, worker=worker)
    how = f"was killed by signal {-ended.code}" if ended.code < 0 else f"ended with exit code {ended.code}"
    return _failed(f"the process that built {job.cell} {how}", ended.tail, seconds, worker)


def _failed(message: str, tail: str, seconds: float, worker: str) -> Outcome:
    error = FarmError(message, "run it again; if that happens twice, build the cell with `onebin matrix --jobs 1`")
    error.tail = tail
    return Outcome(status="failed", seconds=seconds, error=failure_of(error)["error"], worker=worker)


def do_nothing(job: Job, wanted: Wanted, tell: Tell) -> Outcome:  # noqa: ARG001  # the form of every work
    """Return at once."""
    return Outcome(status="built")

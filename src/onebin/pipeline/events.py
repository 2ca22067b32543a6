"""Events of a build, as plain data: the caller decides where to show them."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal, Protocol

from onebin.system import listening

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pydantic import GetCoreSchemaHandler
    from pydantic_core.core_schema import CoreSchema

    from onebin.system import Activity

_EVERY_SECONDS = 0.1


@dataclass(frozen=True, kw_only=True)
class StepStarted:
    """A named step started."""

    step: str
    event: Literal["step-started"] = "step-started"


@dataclass(frozen=True, kw_only=True)
class StepAdvanced:
    """What a step is doing now, such as "downloading numpy", or "" for nothing that it tells.

    `done` and `total` are how far it is with that, in bytes, if that is known; `is_waiting` if it only waits.
    """

    step: str
    doing: str
    done: int | None = None
    total: int | None = None
    is_waiting: bool = False
    event: Literal["step-advanced"] = "step-advanced"


@dataclass(frozen=True, kw_only=True)
class StepFinished:
    """A step succeeded; `outcome` is its result in a few words, `seconds` its duration."""

    step: str
    outcome: str
    seconds: float
    event: Literal["step-finished"] = "step-finished"


@dataclass(frozen=True, kw_only=True)
class Note:
    """Something that the user should know, although the build continues."""

    text: str
    event: Literal["note"] = "note"


@dataclass(frozen=True, kw_only=True)
class Detail:
    """A line about the previous step."""

    text: str
    event: Literal["detail"] = "detail"


@dataclass(frozen=True, kw_only=True)
class Output:
    """A line that a tool printed, without credentials."""

    line: str
    event: Literal["output"] = "output"


@dataclass(frozen=True, kw_only=True)
class CellsQueued:
    """So many cells of a matrix are about to be built, in this step."""

    step: str
    cells: int
    event: Literal["cells-queued"] = "cells-queued"


@dataclass(frozen=True, kw_only=True)
class CellAdvanced:
    """What is done for a cell of a matrix now: the step of its build, and what that does, as in StepAdvanced.

    `worker` names who builds it; "" is this machine. Without a `step`, it waits to be built, as after its worker was
    lost.
    """

    cell: str
    step: str
    doing: str = ""
    worker: str = ""
    is_waiting: bool = False
    event: Literal["cell-advanced"] = "cell-advanced"


@dataclass(frozen=True, kw_only=True)
class CellFinished:
    """A cell of a matrix ended; `outcome` is its result in a few words."""

    cell: str
    status: Literal["built", "stored", "failed", "cancelled"]
    outcome: str
    event: Literal["cell-finished"] = "cell-finished"


class _ByKind:
    """Has pydantic choose the class of an event by its kind."""

    @staticmethod
    def __get_pydantic_core_schema__(events: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic import Field  # noqa: PLC0415  # only for JSON, and slow to load

        return handler.generate_schema(Annotated[events, Field(discriminator="event")])


Event = Annotated[
    StepStarted | StepAdvanced | StepFinished | CellsQueued | CellAdvanced | CellFinished | Note | Detail | Output,
    _ByKind,
]


class Events(Protocol):
    """Receives each event when it happens, in the thread of the build; if it raises an exception, the build stops.

    What is done for the cells of a matrix comes from other threads, one event at a time.
    """

    def __call__(self, event: Event) -> None:
        """Receive an event."""


def ignore(event: Event) -> None:
    """Ignore an event."""


class Recorder:
    """Passes events on, and keeps each step that ended."""

    def __init__(self, events: Events) -> None:
        self.steps: list[StepFinished] = []
        self._events = events
        self._started = time.monotonic()

    @property
    def seconds(self) -> float:
        """The seconds since it was made."""
        return time.monotonic() - self._started

    def __call__(self, event: Event) -> None:
        """Receive an event."""
        if isinstance(event, StepFinished):
            self.steps.append(event)
        self._events(event)


@dataclass
class Outcome:
    """The result of a step in words, set before it ends."""

    text: str = ""


@contextmanager
def step(events: Events, name: str) -> Iterator[Outcome]:
    """Emit the start of a step, what is told in the block, and, unless it raises, the step's end."""
    events(StepStarted(step=name))
    outcome, started = Outcome(), time.monotonic()
    with listening(_Advancing(events, name)):
        yield outcome
    events(StepFinished(step=name, outcome=outcome.text, seconds=time.monotonic() - started))


@dataclass
class _Advancing:
    """Emits what a step is doing: each new thing at once, how far it is ten times a second."""

    events: Events
    step: str
    doing: str = ""
    told: float = 0.0

    def __call__(self, activity: Activity) -> None:
        now = time.monotonic()
        if activity.doing == self.doing and activity.done != activity.total and now - self.told < _EVERY_SECONDS:
            return
        self.doing, self.told = activity.doing, now
        self.events(
            StepAdvanced(
                step=self.step,
                doing=activity.doing,
                done=activity.done,
                total=activity.total,
                is_waiting=activity.is_waiting,
            )
        )


def output(events: Events) -> Callable[[str], None]:
    """Return a function that emits each line of a tool's output."""
    return lambda line: events(Output(line=line))


def emit_notices(events: Events, notices: Iterable[str]) -> None:
    """Emit each line as a note."""
    for notice in notices:
        events(Note(text=notice))

"""What a build tells while it runs, as plain data: whoever asked for the build decides where to show it."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal, Protocol

from pydantic import Field

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass(frozen=True, kw_only=True)
class StepStarted:
    """A named step began."""

    step: str
    event: Literal["step-started"] = "step-started"


@dataclass(frozen=True, kw_only=True)
class StepFinished:
    """A step ended well; `outcome` is its result in a few words, `seconds` its duration."""

    step: str
    outcome: str
    seconds: float
    event: Literal["step-finished"] = "step-finished"


@dataclass(frozen=True, kw_only=True)
class Note:
    """Something that the user should know, though the build goes on."""

    text: str
    event: Literal["note"] = "note"


@dataclass(frozen=True, kw_only=True)
class Detail:
    """A line that belongs to the step before."""

    text: str
    event: Literal["detail"] = "detail"


@dataclass(frozen=True, kw_only=True)
class Output:
    """A line that a tool printed, without credentials."""

    line: str
    event: Literal["output"] = "output"


Event = Annotated[StepStarted | StepFinished | Note | Detail | Output, Field(discriminator="event")]


class Events(Protocol):
    """Takes each event as it happens, in the thread of the build; an exception that it raises ends the build."""

    def __call__(self, event: Event) -> None:
        """Take one event."""


def ignore(event: Event) -> None:
    """Take an event and do nothing."""


@dataclass
class Outcome:
    """What a step says of its result when it ends."""

    text: str = ""


@contextmanager
def step(events: Events, name: str) -> Iterator[Outcome]:
    """Tell the beginning of a step and, unless the block raises, its end."""
    events(StepStarted(step=name))
    outcome, started = Outcome(), time.monotonic()
    yield outcome
    events(StepFinished(step=name, outcome=outcome.text, seconds=time.monotonic() - started))


def output(events: Events) -> Callable[[str], None]:
    """Return a function that tells each line of a tool's output."""
    return lambda line: events(Output(line=line))

"""Events of a build, as plain data: the caller decides where to show them."""

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
    """A named step started."""

    step: str
    event: Literal["step-started"] = "step-started"


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


Event = Annotated[StepStarted | StepFinished | Note | Detail | Output, Field(discriminator="event")]


class Events(Protocol):
    """Receives each event when it happens, in the thread of the build; if it raises an exception, the build stops."""

    def __call__(self, event: Event) -> None:
        """Receive an event."""


def ignore(event: Event) -> None:
    """Ignore an event."""


@dataclass
class Outcome:
    """The result of a step in words, set before it ends."""

    text: str = ""


@contextmanager
def step(events: Events, name: str) -> Iterator[Outcome]:
    """Emit the start of a step and, unless the block raises, its end."""
    events(StepStarted(step=name))
    outcome, started = Outcome(), time.monotonic()
    yield outcome
    events(StepFinished(step=name, outcome=outcome.text, seconds=time.monotonic() - started))


def output(events: Events) -> Callable[[str], None]:
    """Return a function that emits each line of a tool's output."""
    return lambda line: events(Output(line=line))

"""The contract between logscan and its plugins: what a parser is, and what it makes of a line.

A plugin is a distribution with an entry point in the group `logscan.parsers`. The entry point's name is the
name of the format; its object is a class, or any other callable, that makes a `Parser` of no arguments. The
first line of its docstring is what `logscan formats` says about the format.
"""

# No `from __future__ import annotations` here: whoever checks a plugin against the contract can resolve its
# hints.
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO, Final, Literal, Protocol, TypeAlias, get_args, runtime_checkable

Level: TypeAlias = Literal["critical", "error", "warning", "info", "debug", "unknown"]

LEVELS: Final[tuple[Level, ...]] = get_args(Level)
"""Every level, the gravest first; "unknown" is for lines that do not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One entry of a log.

    `line` counts from 1 and is the physical line on which the entry starts. `time` is aware and in UTC.
    Whatever the entry says besides its time, level and message is in `fields`.

    Raises ValueError for a level that is none of `LEVELS` and for a time without a time zone.
    """

    line: int
    time: datetime | None
    level: Level
    message: str
    fields: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what the host could not count."""
        if self.level not in LEVELS:
            raise ValueError(f"{self.level!r} is not one of the levels {', '.join(LEVELS)}")
        if self.time is not None and self.time.tzinfo is None:
            raise ValueError(f"the time {self.time} has no time zone")


@dataclass(frozen=True, slots=True, kw_only=True)
class BadLine:
    """A line that its format cannot read, and why."""

    line: int
    reason: str


@runtime_checkable
class Parser(Protocol):
    """Reads one format. A parser holds no state between two calls, so that one parser serves many files."""

    @property
    def name(self) -> str:
        """The name of the format, the same as the entry point's."""

    def sniff(self, head: bytes) -> float:
        """Say how sure this parser is, from 0 to 1, that a file that begins with `head` is of its format.

        `head` may end in the middle of a line, or of a character.
        """

    def parse(self, stream: BinaryIO) -> Iterator[Record | BadLine]:
        """Read `stream` to its end, in memory that does not grow with its length.

        A line that cannot be read is yielded as a `BadLine`; bad data never raises.
        """

"""The contract between logscan and its plugins: what a parser is, and what it makes of a file.

A plugin is a distribution with an entry point in the group `logscan.parsers`. The entry point's name is the
name of the format; its object is a class, or any other callable, that makes a `Parser` of no arguments. The
first line of its docstring is what `logscan formats` says about the format.
"""

# No `from __future__ import annotations` here, so that code that checks a plugin against the contract
# can resolve its hints.
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

    Where the entry starts is either `line`, the number of the physical line, from 1, or, in a binary format,
    `offset`, the number of bytes before it. `time` is aware and in UTC. Whatever the entry says besides its
    time, level and message is in `fields`.

    Raises ValueError for a level that is not in `LEVELS`, for a time without a time zone, and unless exactly
    one of `line` and `offset` is given.
    """

    line: int | None = None
    offset: int | None = None
    time: datetime | None
    level: Level
    message: str
    fields: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Reject a record that the host could not count."""
        if self.level not in LEVELS:
            raise ValueError(f"{self.level!r} is not one of the levels {', '.join(LEVELS)}")
        if self.time is not None and self.time.tzinfo is None:
            raise ValueError(f"the time {self.time} has no time zone")
        _check_place(self.line, self.offset)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A part of the file that its format cannot read, where it starts (as for a `Record`), and why."""

    line: int | None = None
    offset: int | None = None
    reason: str

    def __post_init__(self) -> None:
        """Reject a fault without a place."""
        _check_place(self.line, self.offset)


def _check_place(line: int | None, offset: int | None) -> None:
    if (line is None) == (offset is None):
        raise ValueError(f"give either a line or an offset, not line={line} and offset={offset}")


@runtime_checkable
class Parser(Protocol):
    """Reads one format. A parser holds no state between two calls, so that one parser serves many files."""

    @property
    def name(self) -> str:
        """The name of the format, the same as the entry point's."""

    def sniff(self, head: bytes) -> float:
        """Return how sure this parser is, from 0 to 1, that a file that begins with `head` is of its format.

        `head` may end in the middle of a line, of a character or of a binary record.
        """

    def parse(self, stream: BinaryIO) -> Iterator[Record | Fault]:
        """Read `stream` to its end, in memory that does not grow with its length.

        What cannot be read is yielded as a `Fault`; bad data never raises.
        """

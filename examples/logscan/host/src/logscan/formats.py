"""Finds the formats that plugins provide: the entry points of the group `logscan.parsers`.

Names are known without importing a plugin; a format is loaded when it is asked for. A plugin that does not
load, or does not follow `logscan.contract`, raises a FormatError and affects no other format.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Final

from logscan.contract import Parser
from logscan.errors import FormatError, UnreadableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from importlib.metadata import EntryPoint
    from typing import BinaryIO

    from logscan.contract import Fault, Record

GROUP: Final = "logscan.parsers"
_LIKELY: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A format whose plugin is loaded; `description` is the first line of its docstring."""

    name: str
    distribution: str
    version: str
    description: str
    parser: Parser

    def sniff(self, head: bytes) -> float:
        """Return how sure the parser is of its format; raises FormatError if it fails."""
        try:
            return self.parser.sniff(head)
        except Exception as error:
            raise self._failure("cannot sniff", error) from error

    def parse(self, stream: BinaryIO) -> Iterator[Record | Fault]:
        """Yield what the parser does; raises FormatError if it fails, UnreadableError if the stream does."""
        try:
            yield from self.parser.parse(stream)
        except UnreadableError:
            raise
        except Exception as error:
            raise self._failure("failed", error) from error

    def _failure(self, what: str, error: Exception) -> FormatError:
        origin = f"{self.distribution} {self.version}"
        return FormatError(f"format {self.name!r} ({origin}) {what}: {_cause(error)}")


class Catalogue:
    """The formats that are installed, by name."""

    def __init__(self, available: Iterable[EntryPoint], *, warn: Callable[[FormatError], None]) -> None:
        """Sort `available` by name, so that no answer depends on the order of directories.

        If two entry points have the same name, that of the first distribution by name is used. `warn` is called
        for each one that is skipped here and in `load_all`.
        """
        self._warn = warn
        self._entry_points: dict[str, EntryPoint] = {}
        for entry_point in sorted(available, key=lambda point: (point.name, _origin(point))):
            first = self._entry_points.setdefault(entry_point.name, entry_point)
            if first is not entry_point:
                warn(
                    FormatError(
                        f"format {first.name!r} of {' '.join(_origin(entry_point))} is passed over: "
                        f"{' '.join(_origin(first))} has one of the same name"
                    )
                )

    @property
    def names(self) -> list[str]:
        """The names of all formats, sorted."""
        return list(self._entry_points)

    def load(self, name: str) -> Format:
        """Load one format; raises FormatError."""
        entry_point = self._entry_points.get(name)
        if entry_point is None:
            close = get_close_matches(name, self.names, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            names = ", ".join(self.names) or "none"
            raise FormatError(f"no format {name!r} is installed{hint} (installed: {names})")
        return _load(entry_point)

    def load_all(self) -> list[Format]:
        """Load every format, and skip those that do not load."""
        formats = []
        for name in self.names:
            try:
                formats.append(self.load(name))
            except FormatError as error:
                self._warn(error)
        return formats


def installed(*, warn: Callable[[FormatError], None]) -> Catalogue:
    """Look up the formats of this environment."""
    return Catalogue(entry_points(group=GROUP), warn=warn)


def recognise(head: bytes, formats: Sequence[Format], *, warn: Callable[[FormatError], None]) -> Format:
    """Return the format that is surest of a file with this head, the first of equals.

    Raises FormatError if none is at least half sure; a parser that fails to sniff is skipped, and `warn`
    is called.
    """
    best, sure = None, 0.0
    for candidate in formats:
        try:
            score = candidate.sniff(head)
        except FormatError as error:
            warn(error)
            continue
        if score > sure:
            best, sure = candidate, score
    if best is None or sure < _LIKELY:
        names = ", ".join(each.name for each in formats)
        raise FormatError(f"no format recognises it; name one with --format ({names})")
    return best


def _load(entry_point: EntryPoint) -> Format:
    distribution, version = _origin(entry_point)
    label = f"format {entry_point.name!r} ({distribution} {version})"
    try:
        factory = entry_point.load()
        parser = factory()
    except Exception as error:
        raise FormatError(f"{label} does not load: {_cause(error)}") from error
    if not isinstance(parser, Parser):
        raise FormatError(f"{label} does not load: {entry_point.value} makes no logscan.contract.Parser")
    if parser.name != entry_point.name:
        raise FormatError(f"{label} does not load: its parser calls itself {parser.name!r}")
    return Format(
        name=entry_point.name,
        distribution=distribution,
        version=version,
        description=_first_line(factory.__doc__),
        parser=parser,
    )


def _origin(entry_point: EntryPoint) -> tuple[str, str]:
    dist = entry_point.dist
    return (dist.name, dist.version) if dist is not None else ("unknown distribution", "")


def _first_line(docstring: str | None) -> str:
    return (docstring or "").strip().partition("\n")[0]


def _cause(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__

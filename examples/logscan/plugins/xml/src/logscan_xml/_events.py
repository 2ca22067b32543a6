"""Reads events from a stream of XML in UTF-8, one after the other, in bounded memory.

The stream is given to the parser in pieces that begin where an event may begin. After an error the parser is
discarded, and a new one starts with the next piece, so an error affects only the event it is in. Everything is
read as if it were inside one element, so that events need no root and several documents may follow each
other.

The parser is that of `defusedxml`: it refuses document types, entities and external references.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple
from xml.sax import SAXParseException
from xml.sax.handler import ContentHandler

from defusedxml import DefusedXmlException
from defusedxml.expatreader import DefusedExpatParser
from logscan.contract import Fault
from logscan.lines import MAX_LINE_BYTES, TOO_LONG
from logscan.unicode import BYTE_ORDER_MARK

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from xml.sax.xmlreader import AttributesImpl, Locator

CHUNK: Final = 64 * 1024
MAX_DEPTH: Final = 100
CUT_OFF: Final = "the event that starts here is cut off"
_EVENT_NAMES: Final = frozenset({"event", "Event"})
_MAX_TAG_START: Final = 64
_RENEW_AFTER: Final = 64 * 1024 * 1024
_EVENT_START: Final = re.compile(rb"(?=<(?:[\w.-]{1,32}:)?[Ee]vent[\s/>]|<\?xml\s)")
_DECLARATION: Final = re.compile(rb"<\?xml\s[^>]*>")
_PROLOG: Final = re.compile(rb"(?:\s+|<!--.*?-->|<\?.*?\?>)*", re.DOTALL)


class Element(NamedTuple):
    """An element inside an event: the names from below the event to it, joined by "/"."""

    path: str
    attributes: dict[str, str]
    text: str


@dataclass(frozen=True, slots=True)
class Event:
    """One event, where it starts, and its elements in the order in which they end; names are without prefixes."""

    line: int
    attributes: dict[str, str]
    elements: list[Element] = field(default_factory=list)


def read_events(stream: BinaryIO, *, is_whole: bool) -> Iterator[Event | Fault]:
    """Yield all events; `is_whole` if an event that the end of the stream cuts off is a fault."""
    reader = _Reader()
    for piece in _pieces(stream):
        yield from reader.feed(piece)
    if is_whole:
        yield from reader.close()


def _pieces(stream: BinaryIO) -> Iterator[bytes]:
    """Cut the stream where an event, or a document, may begin; hold back what may be half of a tag or of a line end."""
    rest = b""
    is_first = True
    while chunk := stream.read(CHUNK):
        data = rest + (chunk.removeprefix(BYTE_ORDER_MARK) if is_first else chunk)
        is_first = False
        tag = data.rfind(b"<")
        end = tag if tag > len(data) - _MAX_TAG_START and tag >= 0 else len(data) - data.endswith(b"\r")
        data, rest = data[:end], data[end:]
        yield from filter(None, _EVENT_START.split(data))
    if rest:
        yield rest


class _Reader:
    """Feeds one parser after the other, and knows where in the file it is."""

    def __init__(self) -> None:
        self._line = 1
        self._column = 0
        self._session: _Session | None = None
        self._containers: Sequence[str] = ()
        self._is_at_start = True
        self._has_items = False

    def feed(self, piece: bytes) -> Iterator[Event | Fault]:
        """Yield the events that end in the next piece of the file, and its faults."""
        session = self._session
        begins = _EVENT_START.match(piece) is not None
        if session is None:
            if begins or self._is_at_start:
                session = _Session(self._line, self._column, containers=self._containers)
        elif begins and session.is_old and not session.is_in_event:
            session = _Session(self._line, self._column, containers=self._containers)
        if session is not None:
            fault = session.feed(piece)
            yield from self._noted(session.take())
            if fault is not None:
                yield from self._noted([fault])
            self._session = session if fault is None else None
            self._containers = session.containers
            if session.is_overtaken:
                yield from self.feed(piece)
                return
        self._is_at_start = False
        self._step_over(piece)

    def close(self) -> Iterator[Event | Fault]:
        """Yield a fault if the file ends too early, or contained no events."""
        if self._session is not None and self._session.is_in_event:
            yield Fault(line=self._session.event_line, reason=CUT_OFF)
        elif self._session is not None and self._containers:
            yield Fault(line=self._line, reason=f"the file ends before </{self._containers[-1]}>")
        elif not self._has_items and not self._is_at_start:
            yield Fault(line=1, reason="no event of log4j or Windows in it")

    def _noted(self, items: list[Event | Fault]) -> list[Event | Fault]:
        self._has_items |= bool(items)
        return items

    def _step_over(self, piece: bytes) -> None:
        *ended, last = (piece + b"|").splitlines()  # as in XML, a line ends with CR, LF or both
        self._line += len(ended)
        self._column = len(last[:-1].decode("utf-8", "ignore")) + (0 if ended else self._column)


class _OvertakenError(Exception):
    """An event begins inside an event."""


class _TooMuchError(Exception):
    """The parser would need too much memory."""


class _Session:
    """One parser, from one place in the file to the next error."""

    def __init__(self, line: int, column: int, *, containers: Sequence[str]) -> None:
        """Start at a place, inside the elements that are open around it."""
        self._column = column
        self._outer = ("logscan", *containers)
        self._parser = DefusedExpatParser(forbid_dtd=True)
        self._handler = _Handler(self._parser, before=line - 2)  # what is around the file has a line of its own
        self._parser.setContentHandler(self._handler)
        self._fed = 0
        self._silent = 0
        self.is_overtaken = False
        """Whether it ended because a piece begins an event before the last one ended; the piece is to be read again."""

    @property
    def is_in_event(self) -> bool:
        """Whether an event has started and not ended."""
        return self._handler.event is not None

    @property
    def event_line(self) -> int:
        """The line on which the current event starts."""
        return self._handler.event.line if self._handler.event is not None else 0

    @property
    def containers(self) -> list[str]:
        """The elements that are open around the events, from the root on."""
        return self._handler.path[1:]  # the first is ours

    @property
    def is_old(self) -> bool:
        """Whether the parser is to be replaced: it remembers every name of an element that it has seen."""
        return self._fed > _RENEW_AFTER

    def take(self) -> list[Event | Fault]:
        """Return what has been found since the last call."""
        found, self._handler.found = self._handler.found, []
        return found

    def feed(self, piece: bytes) -> Fault | None:
        """Parse the next piece of the file; return the fault that ends this session."""
        if not self.is_in_event:
            piece = _DECLARATION.sub(_blank, piece, count=1)
        calls = self._handler.calls
        was_in_event = self.is_in_event
        try:
            if not self._fed:
                self._parser.feed(self._opening(piece))
            self._parser.feed(piece)
        except SAXParseException as error:
            return self._fault(f"{error.getMessage()} at column {self._column_of(error)}")
        except DefusedXmlException:
            return self._fault("a document type is refused: its entities could fill the memory, or read other files")
        except _OvertakenError:
            self.is_overtaken = was_in_event
            return Fault(line=self.event_line, reason=CUT_OFF)
        except _TooMuchError as error:
            return self._fault(str(error))
        self._fed += len(piece)
        self._silent = 0 if self._handler.calls > calls else self._silent + len(piece)
        return self._fault(TOO_LONG) if self._silent > MAX_LINE_BYTES else None

    def _opening(self, piece: bytes) -> bytes:
        """Return the tags to put before a piece; none before a document type, so that the parser can refuse it."""
        prolog = _PROLOG.match(piece)
        is_document_type = prolog is not None and piece.startswith(b"<!DOCTYPE", prolog.end())
        tags = () if is_document_type else (f"<{name}>" for name in self._outer)
        return "".join(tags).encode() + b"\n"

    def _fault(self, reason: str) -> Fault:
        return Fault(line=self._handler.line, reason=reason)

    def _column_of(self, error: SAXParseException) -> int:
        is_first_line = error.getLineNumber() == 2
        return (error.getColumnNumber() or 0) + 1 + (self._column if is_first_line else 0)


def _blank(match: re.Match[bytes]) -> bytes:
    """Return white space that is as long and has as many lines."""
    return re.sub(rb"[^\n]", b" ", match[0])


class _Handler(ContentHandler):
    """Makes events from what the parser reads."""

    def __init__(self, locator: Locator, *, before: int) -> None:
        super().__init__()
        self.found: list[Event | Fault] = []
        self.event: Event | None = None
        self.path: list[str] = []
        self.calls = 0
        self._before = before
        self._locator = locator
        self._open: list[tuple[str, dict[str, str], list[str]]] = []
        self._room = 0
        self._is_in_text = False

    @property
    def line(self) -> int:
        """The line of the file that the parser is at."""
        return max(self._before + (self._locator.getLineNumber() or 1), 1)

    def startElement(self, name: str, attrs: AttributesImpl) -> None:  # noqa: N802  # SAX has these names
        """Start an event, an element of one, or an element around events."""
        self.calls += 1
        self._is_in_text = False
        if len(self.path) + len(self._open) >= MAX_DEPTH:
            raise _TooMuchError(f"elements nested more than {MAX_DEPTH} deep")
        local = _local(name)
        if self.event is not None and local in _EVENT_NAMES:
            raise _OvertakenError
        if self.event is not None:
            attributes = _attributes(attrs)
            self._count(sum(len(key) + len(value) for key, value in attributes.items()))
            path = f"{self._open[-1][0]}/{local}" if self._open else local
            self._open.append((path, attributes, []))
        elif local in _EVENT_NAMES:
            self.event = Event(self.line, _attributes(attrs))
            self._room = MAX_LINE_BYTES
        else:
            self.path.append(name)

    def characters(self, content: str) -> None:
        """Add to the text of an element; text that is in no event is a fault."""
        self.calls += 1
        if self._open:
            self._count(len(content))
            self._open[-1][2].append(content)
        elif self.event is None and not self._is_in_text and not content.isspace():
            self._is_in_text = True
            self.found.append(Fault(line=self.line, reason="text outside of an event"))

    def endElement(self, name: str) -> None:  # noqa: ARG002, N802  # the parser has compared it with the start
        """End an element, or the event."""
        self.calls += 1
        self._is_in_text = False
        if self.event is None:
            self.path.pop()
        elif self._open:
            path, attributes, text = self._open.pop()
            self.event.elements.append(Element(path, attributes, "".join(text).strip()))
        else:
            self.found.append(self.event)
            self.event = None

    def _count(self, characters: int) -> None:
        """Count what the event holds; every element costs memory, too."""
        self._room -= characters + 100
        if self._room < 0:
            raise _TooMuchError(TOO_LONG)


def _attributes(attrs: AttributesImpl) -> dict[str, str]:
    return {_local(name): value for name, value in attrs.items() if not name.startswith("xmlns")}


def _local(name: str) -> str:
    return name.rpartition(":")[2]

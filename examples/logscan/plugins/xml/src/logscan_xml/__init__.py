"""XML event logs: those of log4j's XML layouts, and events exported from Windows."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, BinaryIO

from logscan.contract import Fault
from logscan.unicode import as_utf8, head_as_utf8

from logscan_xml._encoding import find_encoding
from logscan_xml._events import CHUNK, read_events
from logscan_xml._vocabulary import to_record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from logscan.contract import Parser, Record

_SURE = 0.95


class Xml:
    """XML events of log4j (1 and 2) and of Windows.

    The events may stand alone, as log4j 1 and `wevtutil` write them, or in a root element. An entry is on the
    line where its event starts. What is not well-formed is a fault, and reading resumes with the next event.
    Document types are refused, and so are entities, which can expand a small file into a large one.
    """

    name = "xml"

    def sniff(self, head: bytes) -> float:
        """Return a little less than the share of events that can be read, 0 if it does not begin like XML."""
        text = head_as_utf8(head, find_encoding(head))
        if not text.lstrip().startswith(b"<"):
            return 0.0
        items = [*self._read(io.BytesIO(text), is_whole=False)]
        good = sum(not isinstance(item, Fault) for item in items)
        return _SURE * good / len(items) if items else 0.0

    def parse(self, stream: BinaryIO) -> Iterator[Record | Fault]:
        """Yield one record for each event, and a fault for whatever is not well-formed."""
        head = stream.read(CHUNK)
        encoding = find_encoding(head)
        yield from self._read(as_utf8(head, stream, encoding or "utf-8"), is_whole=True)

    def _read(self, stream: BinaryIO, *, is_whole: bool) -> Iterator[Record | Fault]:
        for event in read_events(stream, is_whole=is_whole):
            yield event if isinstance(event, Fault) else to_record(event)


if TYPE_CHECKING:
    _keeps_contract: Parser = Xml()

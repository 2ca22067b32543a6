"""JSON lines: one JSON object on each line, as most services write them today."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, BinaryIO, Final

from logscan.contract import Fault
from logscan.keyed import to_record
from logscan.lines import TOO_LONG, read_lines, whole_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from logscan.contract import Parser, Record
    from logscan.lines import Line

_SNIFF_LINES: Final = 50


class JsonLines:
    """JSON lines: one object on each line.

    The usual names of time, level and message are known (`logscan.keyed`); all others become fields. A blank
    line is skipped; a line that is not a JSON object is a fault.
    """

    name = "jsonl"

    def sniff(self, head: bytes) -> float:
        """Return the share of JSON objects among the first lines."""
        lines = whole_lines(head)[:_SNIFF_LINES]
        objects = sum(not isinstance(_read(line), Fault) for line in lines)
        return objects / len(lines) if lines else 0.0

    def parse(self, stream: BinaryIO) -> Iterator[Record | Fault]:
        """Yield one record, or one fault, for every line that is not blank."""
        for line in read_lines(stream):
            if line.data.strip():
                yield _read(line)


def _read(line: Line) -> Record | Fault:
    if line.is_cut:
        return Fault(line=line.number, reason=TOO_LONG)
    try:
        entry = json.loads(line.data.decode("utf-8"))
        if isinstance(entry, dict):
            return to_record(entry, line=line.number)
        reason = f"not a JSON object but {_KINDS[type(entry)]}"
    except UnicodeDecodeError as error:
        reason = f"not UTF-8: byte 0x{line.data[error.start]:02x} at position {error.start + 1}"
    except json.JSONDecodeError as error:
        what = error.msg.removesuffix(" at").removesuffix(" starting")
        reason = f"not JSON at column {error.colno}: {what}"
    except RecursionError:
        reason = "JSON nested too deeply"
    except ValueError as error:  # a number with more digits than int() accepts
        reason = f"not JSON: {error}"
    return Fault(line=line.number, reason=reason)


_KINDS: Final[dict[type, str]] = {
    list: "an array",
    str: "a string",
    int: "a number",
    float: "a number",
    bool: "a boolean",
    type(None): "null",
}

if TYPE_CHECKING:
    _keeps_contract: Parser = JsonLines()

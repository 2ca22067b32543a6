"""Where logscan is, what its samples are, and short ways to call its parsers."""

from __future__ import annotations

import importlib
import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from logscan.contract import Fault

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "examples" / "logscan"
SAMPLES = EXAMPLE / "samples"
PLUGINS = {f"logscan-{name}": EXAMPLE / "plugins" / name for name in ("jsonl", "text", "csv", "xml", "binary")}
PROJECTS = {"logscan": EXAMPLE / "host", **PLUGINS}
PARSERS = {
    "combined": ("logscan_text.combined", "Combined"),
    "csv": ("logscan_csv", "Csv"),
    "jsonl": ("logscan_jsonl", "JsonLines"),
    "pcap": ("logscan_binary.pcap", "Pcap"),
    "syslog": ("logscan_text.syslog", "Syslog"),
    "utmp": ("logscan_binary.utmp", "Utmp"),
    "xml": ("logscan_xml", "Xml"),
}
FORMAT_OF = {
    "app.jsonl": "jsonl",
    "auth.syslog": "syslog",
    "access.log": "combined",
    "orders.csv": "csv",
    "shop.log4j.xml": "xml",
    "security.xml": "xml",
    "wtmp": "utmp",
    "traffic.pcap": "pcap",
}
SAMPLE_SEED, SAMPLE_ENTRIES = 1, 150

every_format = pytest.mark.parametrize("name", sorted(PARSERS))
every_sample = pytest.mark.parametrize("file", sorted(FORMAT_OF))


def parser(name: str) -> Any:
    """Return a new parser of a format, made as the host makes it."""
    module, attribute = PARSERS[name]
    return getattr(importlib.import_module(module), attribute)()


def parse(name: str, text: str | bytes) -> list[Any]:
    """Return all records and faults that the parser of a format finds in `text`."""
    data = text.encode() if isinstance(text, str) else text
    return list(parser(name).parse(io.BytesIO(data)))


def only(items: list[Any]) -> Any:
    """Return the item of a list that has exactly one."""
    (item,) = items
    return item


def is_fault(item: Any) -> bool:
    """Return whether an item is a fault."""
    return isinstance(item, Fault)


def place(item: Any) -> int:
    """Return the line of an item, or in a binary file its offset."""
    where = item.line if item.offset is None else item.offset
    assert isinstance(where, int)
    return where


def utc(*parts: int) -> datetime:
    """Return a time in UTC."""
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]  # as many numbers as the case has


def word(number: int) -> str:
    """Return a word without digits, a different one for each number."""
    return "".join("ghijklmnop"[int(digit)] for digit in str(number))

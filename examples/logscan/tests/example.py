"""What the tests of logscan share: where it is, and its parsers as a library."""

from __future__ import annotations

import importlib
import io
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from types import ModuleType

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
    """Make the parser of a format, as the host does."""
    module, attribute = PARSERS[name]
    return getattr(importlib.import_module(module), attribute)()


def parse(name: str, text: str | bytes) -> list[Any]:
    """Parse all of `text` with the parser of a format."""
    data = text.encode() if isinstance(text, str) else text
    return list(parser(name).parse(io.BytesIO(data)))


def only(items: list[Any]) -> Any:
    """Return the one item."""
    (item,) = items
    return item


def host(module: str) -> ModuleType:
    """Import a module of the host."""
    return importlib.import_module(f"logscan.{module}")


def is_fault(item: Any) -> bool:
    """Say whether a parser could not read this."""
    return isinstance(item, host("contract").Fault)


def place(item: Any) -> int:
    """Return where an item is: its line or its offset."""
    where = item.line if item.offset is None else item.offset
    assert isinstance(where, int)
    return where


def utc(*parts: int) -> datetime:
    """Return a time in UTC."""
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]  # as many numbers as the case has


def word(number: int) -> str:
    """Return a word without digits, another one for every number."""
    return "".join("ghijklmnop"[int(digit)] for digit in str(number))

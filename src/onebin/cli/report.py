"""Words for the terminal: errors with their remedies, and results as text or JSON."""

from __future__ import annotations

import json
import sys
import unicodedata
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from onebin.errors import FindingsError, OnebinError, ProcessError
from onebin.system import redact

# The characters that override the direction of what follows, so that a name could look like another one.
_TURNING = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})


def report(error: OnebinError) -> None:
    """Print an error: what is wrong and where, then what to do."""
    console = Console(file=sys.stderr, highlight=False, soft_wrap=True)
    console.print(Text.assemble(("error: ", "bold red"), plain(error.message)))
    if isinstance(error, ProcessError) and error.tail:
        console.print(Text(plain(error.tail)))
    if isinstance(error, FindingsError):
        for finding in error.findings:
            console.print(Text.assemble("  ", (plain(finding.where), "bold"), f": {plain(finding.message)}"))
            _hint(console, finding.hint, indent="    ")
    _hint(console, error.hint)


def plain(text: str) -> str:
    """Return text without logins, and without characters that would command the terminal or turn words around."""
    shown = redact(text)
    return shown if shown.isascii() and shown.isprintable() else "".join(map(_shown, shown))


def _shown(char: str) -> str:
    is_command = unicodedata.category(char) == "Cc" and char not in "\n\t"
    return "?" if is_command or unicodedata.bidirectional(char) in _TURNING else char


def _hint(console: Console, hint: str | None, *, indent: str = "") -> None:
    if hint:
        console.print(Text.assemble(indent, ("hint: ", "bold cyan"), plain(hint)))


def json_text(value: Any) -> str:
    """Return a JSON document as it is written to a file: the same text for equal values."""
    return json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def print_json(value: Any) -> None:
    """Print one JSON document on standard output, without logins."""
    click.echo(redact(json.dumps(value, indent=2, ensure_ascii=False)))

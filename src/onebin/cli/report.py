"""Errors as text with their hints, and results as text or JSON."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import click

import onebin
from onebin.system import escaped_json, redact, visible

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rich.console import Console
    from rich.text import Text

    from onebin.errors import OnebinError

# What has a meaning in a workflow command of GitHub, in its text and in its properties.
_ESCAPED = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_ESCAPED_IN_PROPERTIES = {**_ESCAPED, ":": "%3A", ",": "%2C"}
_PART = 100_000  # characters that are printed at once
_HANGING = 2  # columns to the right, for what goes on from the line above
# A number and its unit are one word: between them, a space that does not break stands while lines are folded.
_BOUND = "\xa0"
_BEFORE_UNIT = re.compile(r"(?<=\d) (?=(?:B|[kMG]i?B|m?s)\b)")
_WORD = re.compile(rf"([^\S{_BOUND}]*)([\S{_BOUND}]+)")


def has_styles() -> bool:
    """Return whether a terminal may be asked for colours, bold and dim text: neither NO_COLOR nor TERM says no."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM", "").lower() not in {"dumb", "unknown"}


def error_console() -> Console:
    """Return where to write to standard error."""
    from rich.console import Console  # noqa: PLC0415  # commands that succeed start faster without it

    # Without a system of colours, bold and dim text is plain, too; with NO_COLOR alone, rich only leaves out colours.
    return Console(file=sys.stderr, highlight=False, soft_wrap=True, color_system="auto" if has_styles() else None)


def report(error: OnebinError) -> None:
    """Print an error to standard error: what is wrong and where, then what to do."""
    from rich.text import Text  # noqa: PLC0415  # commands that succeed start faster without it

    console = error_console()
    print_folded(console, Text.assemble(("error: ", "bold red"), plain(error.message)))
    for finding in error.findings:
        where = (plain(finding.where, one_line=True), "bold")
        print_folded(console, Text.assemble("  ", where, f": {plain(finding.message)}"))
        _hint(console, finding.hint, indent="    ")
    if error.tail:
        print_folded(console, Text(plain(error.tail)))
    _hint(console, error.hint)


def annotate(error: OnebinError) -> None:
    """Print an error's findings as workflow commands, which GitHub shows beside the lines of a change."""
    for line in _annotations(onebin.failure_of(error)["error"]):
        click.echo(plain(line), err=True)


def _annotations(error: onebin.ErrorFacts) -> Iterator[str]:
    title = f"onebin: {error['class']}"
    if not error["findings"]:
        yield _annotation({"title": title}, error["message"], error["hint"])
    for row in error["findings"]:
        place = {"file": row["file"], "line": row["line"], "title": title}
        yield _annotation(place, f"{row['key'] or row['where']}: {row['message']}", row["hint"])


def _annotation(place: Mapping[str, object], message: str, hint: str | None) -> str:
    properties = ",".join(f"{name}={_escaped(value, _ESCAPED_IN_PROPERTIES)}" for name, value in place.items() if value)
    text = message if hint is None else f"{message}\nhint: {hint}"
    return f"::error {properties}::{_escaped(text, _ESCAPED)}"


def _escaped(value: object, escapes: Mapping[str, str]) -> str:
    return "".join(escapes.get(char, char) for char in str(value))


def _hint(console: Console, hint: str | None, *, indent: str = "") -> None:
    from rich.text import Text  # noqa: PLC0415  # commands that succeed start faster without it

    if hint:
        print_folded(console, Text.assemble(indent, ("hint: ", "bold cyan"), plain(hint)))


def print_folded(console: Console, text: Text, *, below: int | None = None) -> None:
    """Print text; on a terminal, lines that are too long are folded between words, and go on a little to the right.

    They go on `below` a column if it is given.
    """
    if not console.is_terminal:
        console.print(text)
        return
    for line in text.split("\n", allow_blank=True):
        hanging = _hanging(line.plain) if below is None else " " * below
        first, *rest = line.divide(_breaks(line.plain, console.width, len(hanging)))
        for each in (first, *rest):
            each.rstrip()
            console.print("" if each is first else hanging, each, sep="")


def folded(text: str, columns: int) -> str:
    """Return text for a terminal with so many columns: lines that are too long are folded between words, as above."""
    lines = []
    for line in text.split("\n"):
        ends = [*_breaks(line, columns, len(_hanging(line))), len(line)]
        lines.append(line[: ends[0]].rstrip())
        lines += [f"{_hanging(line)}{line[begin:end].rstrip()}" for begin, end in pairwise(ends)]
    return "\n".join(lines)


def _breaks(line: str, columns: int, hanging: int) -> list[int]:
    """Return where the words begin with which a line goes on below; a word that is too long is left as it is."""
    found, used = [], 0
    for word in _WORD.finditer(bound(line)):
        gap, size = len(word[1]), len(click.unstyle(word[2]))
        if used and used + gap + size > columns:
            found.append(word.start(2))
            used = hanging + size
        else:
            used += gap + size
    return found


def bound(text: str) -> str:
    """Return text in which no number is apart from its unit for `textwrap`; as long as before, and for measuring."""
    return _BEFORE_UNIT.sub(_BOUND, text)


def _hanging(line: str) -> str:
    """Return what is before the words that go on from a line."""
    return " " * (len(line) - len(line.lstrip(" ")) + _HANGING)


def plain(text: str, *, one_line: bool = False) -> str:
    """Return text without credentials, and without characters that a terminal obeys, reorders or does not show."""
    return visible(redact(text), one_line=one_line)


def json_text(value: Any) -> str:
    """Return a JSON document as it is written to a file: the same text for equal values."""
    return escaped_json(json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True)) + "\n"


def echo(text: str) -> None:
    """Print text to standard output, as `plain` returns it; on a terminal, it is folded between words."""
    emit(for_terminal(plain(text)))


def for_terminal(text: str) -> str:
    """Return text folded between words if standard output is a terminal."""
    is_terminal = sys.stdout is not None and sys.stdout.isatty()
    return folded(text, shutil.get_terminal_size().columns) if is_terminal else text


def emit(text: str, *, nl: bool = True) -> None:
    """Print text that is safe to show to standard output, without styles in a pipe or if none are wanted.

    Lines are not folded. It is not an error if the reader stops reading.
    """
    try:
        click.echo(text, nl=nl, color=None if has_styles() else False)
    except BrokenPipeError:
        # What is left in the buffer goes nowhere, or the interpreter would complain about it at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def show_folded(text: str) -> None:
    """Print text to standard error, on a terminal folded between words."""
    is_terminal = sys.stderr is not None and sys.stderr.isatty()
    click.echo(folded(text, shutil.get_terminal_size().columns) if is_terminal else text, nl=False, err=True)


def print_json(value: Any) -> None:
    """Print one JSON document to standard output, without credentials; a large one in parts."""
    part: list[str] = []
    size = 0
    for piece in json.JSONEncoder(indent=2, ensure_ascii=False).iterencode(value):
        part.append(piece)
        size += len(piece)
        if size > _PART:
            emit(escaped_json(redact("".join(part))), nl=False)
            part, size = [], 0
    emit(escaped_json(redact("".join(part))))

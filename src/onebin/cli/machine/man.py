"""Write the manual pages from the same source as --help: a script for checkouts and releases.

python -m onebin.cli.machine.man FOLDER    write onebin.1, and a page for each command, such as onebin-bundle.1

The pages use the macros of man(7). Their date is SOURCE_DATE_EPOCH, or else today.
"""

from __future__ import annotations

import os
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from onebin import __version__
from onebin.cli import cli
from onebin.system import VARIABLE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_CODE = re.compile(r"`([^`]+)`")


def write_pages(folder: Path) -> list[Path]:
    """Write the pages of all commands into a folder, and return them; raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for context in _contexts(cli, None, "onebin"):
        file = folder / f"{context.command_path.replace(' ', '-')}.1"
        file.write_text("\n".join(_page(context)) + "\n", "utf-8")
        written.append(file)
    return written


def _contexts(command: click.Command, parent: click.Context | None, name: str) -> Iterator[click.Context]:
    """Yield the context of a command, and of those below it."""
    context = click.Context(command, parent=parent, info_name=name)
    yield context
    for each, below in _commands(context):
        yield from _contexts(below, context, each)


def _commands(context: click.Context) -> list[tuple[str, click.Command]]:
    group = context.command
    if not isinstance(group, click.Group):
        return []
    found = [(name, group.get_command(context, name)) for name in group.list_commands(context)]
    return [(name, command) for name, command in found if command is not None and not command.hidden]


def _page(context: click.Context) -> Iterator[str]:
    command, path = context.command, context.command_path
    name = path.replace(" ", "-")
    seconds = os.environ.get(VARIABLE)
    moment = datetime.fromtimestamp(int(seconds), UTC) if seconds else datetime.now(UTC)
    yield f'.TH "{name.upper()}" 1 {moment:%Y-%m-%d} "onebin {__version__}" "onebin\'s manual"'
    yield from (".SH NAME", f"{_text(name)} \\- {_text(_summary(command))}")
    yield from (".SH SYNOPSIS", f".B {_text(path)}", _text(" ".join(command.collect_usage_pieces(context))))
    yield ".SH DESCRIPTION"
    yield from _paragraphs(command.help or "")
    options = [each.get_help_record(context) for each in command.get_params(context) if isinstance(each, click.Option)]
    yield ".SH OPTIONS"
    yield from _rows([record for record in options if record])
    if below := _commands(context):
        yield ".SH COMMANDS"
        yield from _rows([(f"{path} {each}", _summary(made)) for each, made in below])
    if command.epilog:
        yield ".SH EXAMPLES"
        yield from _paragraphs(command.epilog)
    yield ".SH SEE ALSO"
    yield from _references(context)


def _summary(command: click.Command) -> str:
    return command.get_short_help_str(limit=200).rstrip(".")


def _references(context: click.Context) -> Iterator[str]:
    """Yield references to the page above, which has the options that every command has, and to those below."""
    above = [] if context.parent is None else [context.parent.command_path]
    pages = [*above, *(f"{context.command_path} {name}" for name, _ in _commands(context))]
    for page in pages:
        yield f".BR {_text(page.replace(' ', '-'))} (1){'' if page is pages[-1] else ','}"


def _paragraphs(text: str) -> Iterator[str]:
    for number, paragraph in enumerate(re.split(r"\n\s*\n", text.strip())):
        if number:
            yield ".PP"
        yield _text(" ".join(paragraph.split()))


def _rows(rows: Sequence[tuple[str, str]]) -> Iterator[str]:
    for term, text in rows:
        yield from (".TP", f"\\fB{_text(term)}\\fR", _text(text) or "\\&")


def _text(text: str) -> str:
    """Return text for a page: nothing in it is a request or an escape sequence, and code is bold."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    escaped = _CODE.sub(r"\\fB\1\\fR", escaped)
    return f"\\&{escaped}" if escaped[:1] in {".", "'"} else escaped


if __name__ == "__main__":
    for page in write_pages(Path(sys.argv[1])):
        click.echo(page)

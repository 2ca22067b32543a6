"""`onebin report`: write a page that shows what an artifact holds, and what it costs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

import onebin
from onebin.cli import options
from onebin.cli.report import print_json
from onebin.errors import OnebinError, os_errors
from onebin.system import absolute, display, write_atomic
from onebin.workspace import default_cache_dir

if TYPE_CHECKING:
    from onebin.cli.progress import Progress

_PATH = click.Path(path_type=Path, readable=False)
_NOT_MEASURED = (
    "the start was not measured, because this onebin did not build the file; --start runs it to measure that"
)


@click.command(epilog="Examples: onebin report dist/ds   |   onebin report dist/ds --against old/ds -o report.html")
@click.argument("file", type=_PATH)
@click.option("-o", "--output", type=_PATH, help="The page to write.  [default: NAME.report.html in this folder]")
@click.option(
    "--against", metavar="OLD", type=_PATH, help="Another artifact: show what differs from it. It is not run."
)
@click.option(
    "--start/--no-start",
    default=None,
    help="Run FILE to measure its start, or never run it.  [default: run it only if it was built here]",
)
@options.with_json
@options.with_progress
def report(
    file: Path, *, output: Path | None, against: Path | None, start: bool | None, as_json: bool, events: Progress
) -> None:
    """Write a page about an artifact: contents, start, costs.

    It shows what is in FILE by owner and folder, the imports of its start, plugins with their costs and contracts,
    licences and provenance, and works without a network. FILE is a file, or the folder of the layout onedir.

    To measure the start, FILE is run: it unpacks itself, and its modules are imported. That is done if a build with
    this cache made exactly this file; for any other file, only with --start. Everything else is read from the file.

    With --json, the data is printed, and a page is only written with --output.
    """
    if output is not None:
        _check(output, file, against)
    is_run = onebin.was_built_here(file.absolute(), default_cache_dir()) if start is None else start
    made = onebin.report_on(file, events, against=against, start=is_run)
    if start is None and not is_run:
        events(onebin.Note(text=_NOT_MEASURED))
    if output is not None or not as_json:
        page = absolute(output or Path(f"{made.name}.report.html"))
        with os_errors(OnebinError, "write the report", page):
            write_atomic(page, onebin.render_report(made, events), mode=0o644)
        events.close(f"wrote {display(page)}", "; open it in a browser")
    if as_json:
        print_json(onebin.to_json(made))


def _check(output: Path, *artifacts: Path | None) -> None:
    """Refuse, before anything takes time, a page that cannot be written, or that would replace an artifact."""
    if absolute(output) in {absolute(each) for each in artifacts if each is not None}:
        raise OnebinError(f"{display(output)} is an artifact, and is not replaced", "choose another file with -o")
    if output.is_dir() or not output.parent.is_dir():
        what = "it is a folder" if output.is_dir() else f"the folder {display(output.parent)} does not exist"
        raise OnebinError(f"cannot write the report to {display(output)}: {what}", "name a file with -o")

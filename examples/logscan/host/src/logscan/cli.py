"""The command `logscan`, and the only place where an error becomes a line of text and an exit code.

Exit codes: 0, all was read, faults or not; 1, the reader of a pipe has gone; 2, wrong usage, or a file that
could not be read; 130, interrupted by Ctrl-C.
"""

from __future__ import annotations

import errno
import io
import json
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from logscan import formats, render
from logscan.errors import FormatError, LogscanError
from logscan.follow import arriving
from logscan.progress import progress_bar
from logscan.report import MAX_TOP, Report, summarise
from logscan.source import STANDARD_INPUT, open_source, title

if TYPE_CHECKING:
    from typing import IO, Any

    from logscan.formats import Catalogue, Format
    from logscan.source import Source

_INTERRUPTED: Final = 128 + signal.SIGINT
_TOP: Final = "How many of the most frequent messages to show."
_NO_FORMATS: Final = f"no formats are installed; plugins bring them as entry points of {formats.GROUP}"


class _Failure(click.ClickException):
    """An error that ends the command with exit code 2."""

    exit_code = 2

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the message in one line, like all other messages."""
        _complain(self.message, file=file)


class _Commands(click.Group):
    """The subcommands; Ctrl-C ends each of them with one line, and with the exit code that shells expect."""

    def invoke(self, context: click.Context) -> Any:
        """Run the subcommand that the user names."""
        try:
            return super().invoke(context)
        except KeyboardInterrupt:
            _complain("interrupted")
            context.exit(_INTERRUPTED)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": render.WIDTH})
@click.version_option(package_name="logscan", prog_name="logscan", message="%(prog)s %(version)s")
@click.pass_context
def main(context: click.Context) -> None:
    """Report what is in log files: levels, times, frequent messages, faults.

    The formats are plugins; `logscan formats` lists those that are installed.
    """
    if os.environ.get("NO_COLOR"):
        context.color = False
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A log may hold characters that the user's encoding does not have.
        sys.stdout.reconfigure(errors="backslashreplace")


@main.command(short_help="Report on log files.")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--format", "format_name", metavar="NAME", help="The format of all files.  [default: recognise each]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document: a list of reports.")
@click.option(
    "--top",
    type=click.IntRange(0, MAX_TOP),
    default=10,
    show_default=True,
    metavar="N",
    help=_TOP,
)
def scan(*, files: tuple[str, ...], format_name: str | None, as_json: bool, top: int) -> None:
    """Report on each FILE; "-" is the standard input, and gzip is read as it is.

    Similar messages are counted as one: numbers, addresses, times and quoted
    text are left out of the comparison.

    A file that cannot be read is named on the standard error stream; the others
    are still reported, and the exit code is 2.
    """
    if files.count(STANDARD_INPUT) > 1:
        raise click.UsageError('"-" is given twice; the standard input can be read once')
    catalogue = formats.installed(warn=_complain)
    candidates = _candidates(catalogue, format_name)
    reports: list[Report] = []
    for file in files:
        try:
            with progress_bar(render.printable(title(file))) as bar, open_source(file, on_read=bar.advance) as source:
                report = _report(source, candidates, file=file, is_given=format_name is not None, top=top)
        except LogscanError as error:
            _complain(f"{title(file)}: {error}")
            continue
        if not as_json:
            _print(("\n" if reports else "") + render.report_text(report, blocks=_blocks()))
        reports.append(report)
    if as_json:
        _print_json([report.as_json() for report in reports])
    if len(reports) < len(files):
        sys.exit(_Failure.exit_code)


@main.command(short_help="Report on each file that is put into a folder.")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--top", type=click.IntRange(0, MAX_TOP), default=3, show_default=True, metavar="N", help=_TOP)
def follow(*, folder: Path, top: int) -> None:
    """Report on each file that is put into FOLDER from now on, until Ctrl-C.

    The formats are looked up for each file, so one that is installed in the
    meantime is recognised in the next file.
    """
    try:
        files = arriving(folder)
        _complain(f"following {folder}; Ctrl-C ends it")
        for file in files:
            try:
                with open_source(str(file)) as source:
                    candidates = _candidates(formats.installed(warn=_complain), None)
                    report = _report(source, candidates, file=str(file), is_given=False, top=top)
            except (LogscanError, _Failure) as error:
                _complain(f"{file}: {error}")
                continue
            _print(render.report_text(report, blocks=_blocks()))
    except LogscanError as error:
        raise _Failure(f"{folder}: {error}") from error


@main.command("formats")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document: a list of formats.")
def list_formats(*, as_json: bool) -> None:
    """List the installed formats and the distributions that provide them."""
    found = formats.installed(warn=_complain).load_all()
    if as_json:
        keys = ("name", "distribution", "version", "description")
        _print_json([{key: getattr(each, key) for key in keys} for each in found])
    elif found:
        _print(render.formats_text(found))
    else:
        _print(_NO_FORMATS)


def _candidates(catalogue: Catalogue, format_name: str | None) -> list[Format]:
    """Return the formats that files may have: all, or the one that is given."""
    try:
        candidates = catalogue.load_all() if format_name is None else [catalogue.load(format_name)]
    except FormatError as error:
        raise _Failure(str(error)) from error
    if not candidates:
        raise _Failure(_NO_FORMATS)
    return candidates


def _report(source: Source, candidates: list[Format], *, file: str, is_given: bool, top: int) -> Report:
    if is_given:
        found = candidates[0]
    elif source.is_blank:
        return summarise((), file=file, format_name=None, top=top)
    else:
        found = formats.recognise(source.head, candidates, warn=_complain)
    return summarise(found.parse(source.stream), file=file, format_name=found.name, top=top)


def _blocks() -> str:
    """Return the characters for histograms: blocks if the output's encoding has them, else ASCII."""
    try:
        render.BLOCKS.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return render.ASCII_BLOCKS
    return render.BLOCKS


def _complain(error: LogscanError | str, *, file: IO[Any] | None = None) -> None:
    click.echo(f"logscan: {render.printable(str(error))}", file=file, err=True)


def _print_json(document: object) -> None:
    _print(json.dumps(document, indent=2))


def _print(text: str) -> None:
    """Print to the standard output, which may be a full disk or a closed pipe."""
    try:
        click.echo(text)
    except OSError as error:
        if error.errno == errno.EPIPE:
            raise  # click ends quietly
        # At exit the interpreter tries again to write the rest; it must not report the error a second time.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise _Failure(f"cannot write: {error.strerror}") from error

"""The one place where an error becomes text and an exit code."""

from __future__ import annotations

import io
import itertools
from typing import TYPE_CHECKING

import click

import onebin
from onebin.cli.report import annotate, plain, print_json, report, show_folded
from onebin.errors import InterruptedBuildError, OnebinError

if TYPE_CHECKING:
    from collections.abc import Sequence

_UNCHANGED = "what was there before is unchanged; the next build reuses the steps that are complete"


def show(error: BaseException, arguments: Sequence[str], *, error_format: str) -> int:
    """Show the error of a command with these arguments, and return its exit code; raises it if it is a bug."""
    match error:
        case OnebinError():
            if error_format == "github":
                annotate(error)
            report(error)
            return error.exit_code
        case KeyboardInterrupt() | click.Abort():
            return _interrupted(error, arguments)
        case click.ClickException():
            return _wrong(error, arguments)
        case OSError(filename=None, errno=int()):
            # A failed write: errors of files become an OnebinError where they happen.
            report(OnebinError(f"cannot write the output: {error.strerror}", "check where standard output goes"))
            return OnebinError.exit_code
    raise error


def _interrupted(error: BaseException, arguments: Sequence[str]) -> int:
    changed = str(error.__cause__ or error)  # click makes an Abort of an interrupt
    interrupted = InterruptedBuildError("interrupted", changed or _UNCHANGED)
    if _wants_json(arguments):
        print_json(onebin.failure_of(interrupted))
    report(interrupted)
    return InterruptedBuildError.exit_code


def _wrong(error: click.ClickException, arguments: Sequence[str]) -> int:
    context = error.ctx if isinstance(error, click.UsageError) else None
    if _wants_json(arguments) and not (context and context.ignore_unknown_options):
        print_json(_usage(error))
    vars(error)["message"] = plain(error.message, one_line=True)  # it is final for type checkers only
    text = io.StringIO()
    error.show(text)
    show_folded(plain(text.getvalue()))
    return error.exit_code


def _wants_json(arguments: Sequence[str]) -> bool:
    """Return whether a command line asks for JSON, even if it cannot be read; what follows `--` is for the host."""
    return "--json" in list(itertools.takewhile(lambda word: word != "--", arguments))


def _usage(error: click.ClickException) -> onebin.Failure:
    """Return the error about a wrong command line as data, in the form of all others."""
    message, code = error.format_message(), error.exit_code
    return {
        "ok": False,
        "error": {"class": "UsageError", "exit_code": code, "message": message, "hint": None, "findings": []},
    }

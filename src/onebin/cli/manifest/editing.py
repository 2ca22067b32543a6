"""Print what an edit of a manifest has changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from onebin.cli.report import echo, plain

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from onebin import EditResult


def with_resolving(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add --no-resolve; the function gets whether to resolve, as `resolve`."""
    option = click.option(
        "--no-resolve", "resolve", flag_value=False, default=True, help="Edit the manifest only, and not the lock."
    )
    return option(function)


def show_changes(edited: EditResult, *, dry_run: bool) -> None:
    """Print a line for each change of a manifest, and that it was not made if that is so."""
    for line in edited.changes:
        echo(plain(line))
    if dry_run:
        echo("--dry-run: nothing was written")

"""`onebin completions`: print the script with which a shell completes the command line."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from onebin.cli.report import emit

_PROGRAM = "onebin"
_VARIABLE = "_ONEBIN_COMPLETE"


@click.command(epilog='Example: eval "$(onebin completions bash)", in ~/.bashrc')
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completions(shell: str) -> None:
    """Print a script that completes commands and names.

    It completes commands, options, files, plugins of the manifest, and kinds of cache entries.
    """
    made = get_completion_class(shell)
    assert made is not None, "click has all three"  # noqa: S101  # for the type checker
    root = click.get_current_context().find_root().command
    emit(made(root, {}, _PROGRAM, _VARIABLE).source())

"""The options that every command has, before its name or after it: how much is shown, and how errors look."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass

import click
from click.core import ParameterSource

from onebin.cli.help import Context


@dataclass
class Settings:
    """What these options say; one object for a run, whichever command reads it."""

    quiet: bool = False
    verbose: bool = False
    error_format: str = "text"


def current() -> Settings:
    """Return the settings of this run."""
    return click.get_current_context().ensure_object(Settings)


def _remember(context: click.Context, option: click.Parameter, value: object) -> None:
    """Keep a value that was given: the same option may come twice, before the command and after it."""
    if option.name and context.get_parameter_source(option.name) is not ParameterSource.DEFAULT:
        setattr(context.ensure_object(Settings), option.name, value)


OPTIONS = (
    click.Option(
        ["-q", "--quiet"], is_flag=True, expose_value=False, callback=_remember, help="Show errors and results only."
    ),
    click.Option(
        ["-v", "--verbose"], is_flag=True, expose_value=False, callback=_remember, help="Show what the tools print."
    ),
    click.Option(
        ["--error-format"],
        type=click.Choice(["text", "github"]),
        default="text",
        show_default=True,
        expose_value=False,
        callback=_remember,
        help="With github, errors are annotations of a workflow, too.",
    ),
)


def add_to(command: click.Command) -> None:
    """Give a command, and the commands below it, these options.

    Help shows -q and -v where there is progress. A command that passes options on to another program has neither.
    """
    command.context_class = Context
    known = {option.name for option in command.params}
    for option in OPTIONS:
        if option.name in known or (option.is_flag and command.context_settings.get("ignore_unknown_options")):
            continue
        added = copy(option)
        added.hidden = option.is_flag and not getattr(command.callback, "shows_progress", False)
        command.params.append(added)
    if isinstance(command, click.Group):
        for each in command.commands.values():
            add_to(each)

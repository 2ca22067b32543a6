"""`onebin help`: show the help of a command."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem

from onebin.cli.report import emit


def _complete(context: click.Context, _: click.Parameter, word: str) -> list[CompletionItem]:
    """Complete the name of a command."""
    root = context.find_root().command
    names = root.list_commands(context) if isinstance(root, click.Group) else []
    return [CompletionItem(name) for name in names if name.startswith(word)]


@click.command("help", epilog="Example: onebin help cache clean")
@click.argument("names", nargs=-1, metavar="[COMMAND]...", shell_complete=_complete)
def help_command(names: tuple[str, ...]) -> None:
    """Show the help of a command, as --help does."""
    context = click.get_current_context().find_root()
    for name in names:
        if not isinstance(context.command, click.Group):
            raise click.UsageError(f"`{context.command_path}` has no commands.")
        _, command, _ = context.command.resolve_command(context, [name])
        assert command is not None, "otherwise, it raises"  # noqa: S101  # for the type checker
        context = command.context_class(command, info_name=name, parent=context, **command.context_settings)
    emit(context.get_help())

"""Help in as many columns as there are, and hints after a wrong command or a misplaced option."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# What other tools call a command; the first that is in the group is meant.
_SYNONYMS = {
    "build": "bundle",
    "clean": "cache clean",
    "clear": "clean | cache clean",
    "create": "new",
    "delete": "remove | clean",
    "deps": "tree",
    "exec": "run",
    "explain": "why",
    "freeze": "bundle",
    "graph": "tree",
    "info": "inspect",
    "install": "add",
    "ls": "list",
    "make": "bundle",
    "outdated": "list --outdated",
    "pack": "bundle",
    "package": "bundle",
    "pin": "lock",
    "prune": "clean | cache clean",
    "resolve": "lock",
    "rm": "remove | clean",
    "sbom": "bundle --sbom",
    "scan": "audit",
    "show": "list",
    "sync": "lock",
    "test": "check",
    "uninstall": "remove",
    "update": "lock --upgrade",
    "upgrade": "lock --upgrade",
    "validate": "check",
    "version": "--version",
    "watch": "bundle --watch",
}

_NARROW = 52  # columns below which click's help does not fit


def width() -> int | None:
    """Return the columns of a narrow terminal; None if click's own choice is right."""
    columns = shutil.get_terminal_size().columns
    return columns if columns < _NARROW else None


class _Formatter(click.HelpFormatter):
    """A formatter whose first column is a third of a narrow terminal, not thirty columns."""

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        super().write_dl(rows, self.width // 3 if self.width < _NARROW else col_max, col_spacing)


class Context(click.Context):
    """The context of every command."""

    formatter_class = _Formatter


class Group(click.Group):
    """A group of commands that suggests one after a typo, and after what other tools call it."""

    context_class = Context

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the options before the command; for one that belongs to the command, the error says where."""
        given = [*args]
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            command = next(filter(None, (self.get_command(ctx, word) for word in given)), None)
            option = error.option_name
            if command is not None and any(option in (*each.opts, *each.secondary_opts) for each in command.params):
                place = f"it comes after the command: {ctx.command_path} {command.name} {option}"
                raise click.UsageError(f"No such option {option!r} here; {place}", ctx) from None
            raise

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command with this name; for a wrong name, the error suggests the right one."""
        known = self.list_commands(ctx)
        if args and args[0] not in known and not args[0].startswith("-"):
            ctx.fail(f"No such command {args[0]!r}. {_suggestion(args[0], known, ctx.command_path)}")
        return super().resolve_command(ctx, args)


def _suggestion(wrong: str, known: Sequence[str], path: str) -> str:
    """Return which command is probably meant, or which there are."""
    import difflib  # noqa: PLC0415  # only after a typo

    for meant in _SYNONYMS.get(wrong, "").split(" | "):
        if meant.partition(" ")[0] in known or meant.startswith("--"):
            return f"Did you mean `{path} {meant}`?"
    near = difflib.get_close_matches(wrong, known, 1)
    return f"Did you mean {near[0]!r}?" if near else f"The commands are: {', '.join(known)}."

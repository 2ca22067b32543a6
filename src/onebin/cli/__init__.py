"""The command line: `onebin` and its commands, and the one place that exits."""

from __future__ import annotations

import importlib
import signal
import sys
from typing import TYPE_CHECKING, NoReturn

import click

import onebin
from onebin.cli import help, settings  # noqa: A004  # the module is not the built-in function

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType


# Each command in the order of their use, and its module; only the module of the one that is asked for is imported.
_COMMANDS = {
    "new": "author.new:new",
    "lint": "author.lint:lint",
    "init": "manifest.init:init",
    "add": "manifest.add:add",
    "remove": "manifest.remove:remove",
    "list": "manifest.list:list_command",
    "tree": "manifest.tree:tree",
    "why": "manifest.why:why",
    "lock": "pipeline.lock:lock",
    "check": "pipeline.check:check",
    "generate": "pipeline.generate:generate",
    "bundle": "pipeline.bundle:bundle",
    "matrix": "farm.matrix:matrix",
    "catalogue": "farm.catalogue:catalogue",
    "serve": "farm.serve:serve",
    "run": "pipeline.run:run",
    "bisect": "pipeline.bisect:bisect",
    "vendor": "pipeline.vendor:vendor",
    "fetch": "client.fetch:fetch",
    "upgrade": "client.upgrade:upgrade",
    "verify": "artifact.verify:verify",
    "inspect": "artifact.inspect:inspect",
    "diff": "artifact.diff:diff",
    "report": "artifact.report:report",
    "sign": "artifact.sign:sign",
    "pack-plugin": "artifact.pack_plugin:pack_plugin",
    "revoke": "artifact.revoke:revoke",
    "recover": "artifact.recover:recover",
    "audit": "artifact.audit:audit",
    "doctor": "machine.doctor:doctor",
    "cache": "machine.cache:cache",
    "completions": "machine.completions:completions",
    "help": "machine.help:help_command",
}


class Commands(help.Group):
    """A group that lists its commands in the order in which they are used, and imports the one that is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        """Return the commands in the order in which they are used."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  # click's signature
        """Return a command, from its module; None if there is no such command."""
        if cmd_name not in _COMMANDS:
            return None
        module, _, function = _COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(f"onebin.cli.{module}"), function)
        settings.add_to(command)
        return command


@click.group(
    cls=Commands,
    params=list(settings.OPTIONS),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Start with: onebin init --host NAME --with PLUGIN",
)
@click.version_option(onebin.__version__, prog_name="onebin")
def cli() -> None:
    """Freeze a Python application with its plugins into one verified executable file.

    A manifest, bundle.toml, names the host and its plugins; `onebin bundle` makes the file.
    """


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit with the code of the error's class, or 0."""
    signal.signal(signal.SIGTERM, _interrupt)
    chosen = settings.Settings()
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        code = cli.main(
            args=arguments, prog_name="onebin", standalone_mode=False, obj=chosen, terminal_width=help.width()
        )
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  # `show` raises again what is a bug
        from onebin.cli.failures import show  # noqa: PLC0415  # commands that succeed start faster without it

        code = show(error, arguments, error_format=chosen.error_format)
    sys.exit(code if isinstance(code, int) else 0)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001  # a signal handler's signature
    """Treat SIGTERM like Ctrl-C, so that children are stopped and incomplete files are removed."""
    raise KeyboardInterrupt

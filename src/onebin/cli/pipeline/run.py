"""`onebin run`: run the host unfrozen, in its stage."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

import onebin
from onebin.cli import options
from onebin.system import become

if TYPE_CHECKING:
    from onebin import PackageSource


class _HostCommand(click.Command):
    """A command whose first argument is the manifest if `--` follows it; everything else belongs to the host."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Turn `MANIFEST -- ARGS` into `-m MANIFEST -- ARGS`."""
        if len(args) > 1 and args[1] == "--" and not args[0].startswith("-"):
            args = ["--manifest", *args]
        return super().parse_args(ctx, args)


@click.command(
    cls=_HostCommand,
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    options_metavar="[MANIFEST --] [OPTIONS]",
    epilog="Example: onebin run -- serve data.db",
)
@click.option(
    "-m", "--manifest", type=click.Path(path_type=Path, readable=False), help="The manifest.  [default: bundle.toml]"
)
@options.with_build
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
def run(manifest: Path | None, *, locked: bool, source: PackageSource, args: tuple[str, ...]) -> int:
    """Run the host unfrozen, in its stage.

    It has the same registry as the artifact. This is the quick way to try a change.
    """
    command = onebin.prepare_run(options.request(manifest, locked=locked, source=source))
    # The host gets the user's environment as in the artifact; the interpreter itself ignores it in both.
    return become([*command, *args], env=os.environ)

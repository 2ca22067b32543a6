"""`onebin run`: run the host unfrozen, in its stage."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

import onebin
from onebin.cli import options
from onebin.cli.pipeline.watching import repeat
from onebin.system import become, start

if TYPE_CHECKING:
    from onebin import BuildRequest, PackageSource
    from onebin.cli.progress import Progress
    from onebin.system import Background


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
@click.option("-m", "--manifest", type=click.Path(path_type=Path, readable=False), help=options.MANIFEST_HELP)
@click.option("--watch", is_flag=True, help="Start it again when the manifest, a local project or a data file changes.")
@options.with_build
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
def run(manifest: Path | None, *, watch: bool, locked: bool, source: PackageSource, args: tuple[str, ...]) -> int:
    """Run the host unfrozen, in its stage.

    It has the same registry as the artifact. This is the quick way to try a change. What takes over a second is shown.
    """

    def load() -> BuildRequest:
        return options.request(manifest, locked=locked, source=source)

    if watch:
        restarted = _Restarted(args, options.progress())
        try:
            return repeat(manifest, load, restarted.start, restarted.events, look=restarted.look)
        finally:
            restarted.stop()
    command = onebin.prepare_run(load(), options.slow_steps())
    # The host gets the user's environment as in the artifact; the interpreter itself ignores it in both.
    return become([*command, *args], env=os.environ)


class _Restarted:
    """The host with its arguments, which is started again and again."""

    def __init__(self, args: tuple[str, ...], events: Progress) -> None:
        self.events = events
        self._args = args
        self._running: Background | None = None

    def start(self, request: BuildRequest) -> None:
        """Prepare the host as it is now, then stop what runs and start it instead; raises OnebinError."""
        command = onebin.prepare_run(request, self.events)
        self.stop()
        self._running = start([*command, *self._args], env=os.environ)

    def look(self) -> None:
        """Say if it has ended by itself."""
        if self._running is not None and self._running.code is not None:
            code = self._running.code
            how = f"exit code {code}" if code >= 0 else f"signal {-code}"
            self.events.close("the program ended", f" with {how}; a change starts it again")
            self._running = None

    def stop(self) -> None:
        """Stop it with all its children."""
        if self._running is not None:
            self._running.stop()
            self._running = None

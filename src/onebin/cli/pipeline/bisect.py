"""`onebin bisect`: find out which plugins, or which version of a package, make a command fail."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Literal

import click

import onebin
from onebin.cli import options
from onebin.cli.report import echo, plain, print_json

if TYPE_CHECKING:
    from pathlib import Path

    from onebin import Events

_EXAMPLE = "onebin bisect -- {artifact} --version"


class _CommandAfterDashes(click.Command):
    """A command that gets everything after `--` as `command`: the words of another command."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse what is before `--`, and check what is after it."""
        end = args.index("--") if "--" in args else len(args)
        rest = super().parse_args(ctx, args[:end])
        ctx.params["command"] = _words(ctx, args[end + 1 :])
        return rest

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Return the parts of the usage line."""
        return [*super().collect_usage_pieces(ctx), "-- COMMAND..."]


def _words(context: click.Context, words: list[str]) -> tuple[str, ...]:
    """Return the words of a command that is given as such, or as one line; raises UsageError."""
    if context.resilient_parsing:
        return ()
    if not words:
        context.fail(f"The command that fails is missing: {_EXAMPLE}")
    try:
        found = shlex.split(words[0]) if len(words) == 1 else words
    except ValueError as error:
        context.fail(f"{words[0]!r}: {error}.")
    if not any("{artifact}" in word for word in found):
        context.fail(f"{shlex.join(found)!r} does not contain {{artifact}}, which stands for the program: {_EXAMPLE}")
    return tuple(found)


@click.command(
    cls=_CommandAfterDashes,
    epilog="Examples: onebin bisect -- {artifact} report.txt   |   onebin bisect --versions click -- {artifact} --help",
)
@options.with_manifest
@click.option(
    "--versions",
    metavar="NAME",
    shell_complete=options.plugin_names,
    help="Find the first bad version of a plugin, the host or any package.",
)
@click.option("--good", metavar="VERSION", help="With --versions: one that passes.  [default: try older ones]")
@click.option("--bad", metavar="VERSION", help="With --versions: one that fails.  [default: the locked one]")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    default=600.0,
    show_default="600",
    help="How long the command may run.",
)
@click.option(
    "--timeout-is",
    type=click.Choice(["bad", "skip"]),
    default="bad",
    show_default=True,
    help="What it means if the command runs longer.",
)
@click.option("--frozen", is_flag=True, help="Build an artifact for each trial, instead of running the staged host.")
@options.with_offline
@options.with_json
@options.with_progress
def bisect(
    manifest: Path | None,
    *,
    command: tuple[str, ...],
    versions: str | None,
    good: str | None,
    bad: str | None,
    timeout: float,
    timeout_is: Literal["bad", "skip"],
    frozen: bool,
    offline: bool,
    as_json: bool,
    events: Events,
) -> None:
    """Find the smallest set of plugins that makes COMMAND fail.

    COMMAND contains {artifact}, which stands for the program, and runs in this folder. Exit code 0 is good, 125 means
    that it cannot be judged, anything else is bad. The manifest and its lock are not changed.
    """
    if versions is None and (good or bad):
        raise click.UsageError("--good and --bad need --versions NAME.")
    request = onebin.BisectRequest(
        build=options.request(manifest, source=onebin.PackageSource(offline=offline)),
        command=command,
        timeout=timeout,
        timeout_is=timeout_is,
        frozen=frozen,
    )
    found: onebin.PluginBisection | onebin.VersionBisection
    if versions is None:
        found = onebin.bisect_plugins(request, events)
    else:
        found = onebin.bisect_versions(request, versions, events, good=good, bad=bad)
        for change in found.changes:
            events(onebin.Detail(text=change))
    if as_json:
        print_json(onebin.to_json(found))
    else:
        for line in found.output.splitlines():
            echo(plain(f"  | {line}"))
        echo(plain(found.summary))

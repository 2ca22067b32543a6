"""`onebin fetch`: get a file from a build service, and prove what it is."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

import onebin
from onebin.cli import options
from onebin.cli.client.asking import row_of, with_client
from onebin.cli.report import print_json
from onebin.system import display, megabytes

if TYPE_CHECKING:
    from onebin import Fetched, Platform, ServiceClient
    from onebin.cli.progress import Progress


@click.command(epilog="Example: onebin fetch https://builds.example.org ds --with datasette-vega")
@click.argument("url", metavar="URL")
@click.argument("host", metavar="HOST")
@click.option("--with", "plugins", metavar="PLUGIN", multiple=True, help="A plugin of the host. May be repeated.")
@click.option("--version", metavar="VERSION", help="The version of the host.  [default: the newest on offer]")
@click.option("--python", metavar="VERSION", help="The version of Python.  [default: the service's first]")
@click.option(
    "--platform",
    metavar="PLATFORM",
    callback=options.parsed_platform,
    shell_complete=options.platform_names,
    help="What the file is for, such as linux-aarch64.  [default: this machine]",
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, readable=False), help="The file to write.  [default: ./HOST]"
)
@with_client
@options.with_json
@options.with_progress
def fetch(
    url: str,
    host: str,
    *,
    plugins: tuple[str, ...],
    version: str | None,
    python: str | None,
    platform: Platform | None,
    output: Path | None,
    client: ServiceClient,
    as_json: bool,
    events: Progress,
) -> None:
    """Get a file from a build service.

    The service at URL builds it, unless it has it already. What comes is compared with what was asked for, and must be
    signed with the key that this service had the first time; nothing of it is run. Only then is it put in its place.
    Its provenance is written beside it: FILE.intoto.jsonl.
    """
    fetched = onebin.fetch(
        onebin.FetchRequest(
            service=url,
            host=host,
            plugins=plugins,
            version=version,
            python=python,
            platform=None if platform is None else platform.name,
            output=output,
            client=client,
        ),
        events,
    )
    events.close(*_last_line(fetched))
    if as_json:
        print_json(row_of(fetched))


def _last_line(fetched: Fetched) -> tuple[str, str]:
    """Return what was fetched; and its size, how long that took, and the command that runs it."""
    file = display(fetched.file)
    runs = f"; run it: {shlex.quote(file if os.sep in file else f'.{os.sep}{file}')}"
    if not fetched.runs_here:
        runs = f"; it is for {fetched.platform}"
    if not fetched.is_new:
        return f"{file} is up to date", f": {megabytes(fetched.size)}{runs}"
    return f"fetched {file}", f": {megabytes(fetched.size)} in {fetched.seconds:.1f} s{runs}"

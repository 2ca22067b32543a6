"""`onebin vendor`: download everything that a build needs into a folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

import onebin
from onebin.cli import options
from onebin.cli.report import print_json
from onebin.system import absolute

if TYPE_CHECKING:
    from onebin import Events, Platform


@click.command(epilog="Example: onebin vendor wheels && onebin bundle --vendor wheels")
@options.with_manifest_and("directories", metavar="DIR", required=True, complete=options.directories)
@click.option("--locked", is_flag=True, help="Fail if the lock does not fit; never write it.")
@options.with_platform
@options.with_json
@options.with_progress
def vendor(
    manifest: Path | None,
    *,
    directories: tuple[str, ...],
    locked: bool,
    platforms: tuple[Platform, ...],
    as_json: bool,
    events: Events,
) -> None:
    """Download everything that a build needs into a folder.

    This includes every package of the lock, the toolchain, and what local projects need for building, each checked
    against its SHA-256. `onebin bundle --vendor DIR` builds from it without a network.
    """
    if len(directories) > 1:
        raise click.UsageError(f"Got unexpected extra argument ({directories[1]})")
    requests = options.requests(manifest, platforms, locked=locked)
    if len(requests) > 1:
        onebin.update_locks(requests, events)
    filled = onebin.vendor(requests, absolute(Path(directories[0])), events)
    if as_json:
        print_json({"directory": str(filled.directory), "files": filled.files, "bytes": filled.size})

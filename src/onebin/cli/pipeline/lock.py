"""`onebin lock`: resolve the manifest and write the lock."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

import onebin
from onebin.cli import options
from onebin.cli.report import print_json

if TYPE_CHECKING:
    from pathlib import Path

    from onebin import Events, Platform


@click.command(epilog="Example: onebin lock --upgrade datasette-vega")
@options.with_manifest_and("names", metavar="[NAME]...", complete=options.locked_names)
@click.option("--upgrade", is_flag=True, help="Upgrade the named packages, or all of them.")
@options.with_dry_run
@options.with_platform
@options.with_offline
@options.with_json
@options.with_progress
def lock(
    manifest: Path | None,
    *,
    names: tuple[str, ...],
    upgrade: bool,
    dry_run: bool,
    platforms: tuple[Platform, ...],
    offline: bool,
    as_json: bool,
    events: Events,
) -> None:
    """Resolve the manifest and write the lock.

    The lock is pylock.<name>.toml beside the manifest (PEP 751); for a platform, pylock.<name>-<platform>.toml.
    """
    if names and not upgrade:
        raise click.UsageError("Names can only be used with --upgrade.")
    requests = options.requests(manifest, platforms, source=onebin.PackageSource(offline=offline))
    done = onebin.update_locks(requests, events, upgrade=(names or None) if upgrade else (), dry_run=dry_run)
    if as_json:
        rows = [
            {
                "file": str(locked.file),
                "sha256": locked.sha256,
                "packages": locked.packages,
                "changes": locked.changes,
                "notices": locked.notices,
            }
            for locked in done
        ]
        print_json(rows[0] if len(rows) == 1 else rows)

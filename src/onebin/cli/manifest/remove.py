"""`onebin remove`: remove plugins from the manifest and the lock."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

import onebin
from onebin.cli import options
from onebin.cli.manifest.editing import show_changes, with_resolving

if TYPE_CHECKING:
    from pathlib import Path

    from onebin import Events


@click.command(epilog="Example: onebin remove datasette-vega")
@options.with_manifest_and("names", metavar="NAME...", required=True, complete=options.plugin_names)
@with_resolving
@options.with_dry_run
@options.with_offline
@options.with_progress
def remove(
    manifest: Path | None, *, names: tuple[str, ...], resolve: bool, dry_run: bool, offline: bool, events: Events
) -> None:
    """Remove plugins from the manifest and the lock.

    The other plugins stay locked as they are. If the lock cannot be updated, a note says so.
    """
    request = options.request(manifest, source=onebin.PackageSource(offline=offline))
    edited = onebin.remove_from_manifest(request, names, events, resolve=resolve, dry_run=dry_run)
    show_changes(edited, dry_run=dry_run)

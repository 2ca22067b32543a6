"""`onebin add`: add plugins to the manifest and the lock."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

import onebin
from onebin.cli import options
from onebin.cli.manifest.editing import show_changes, with_resolving
from onebin.cli.report import echo

if TYPE_CHECKING:
    from pathlib import Path

    from onebin import Events


@click.command(epilog="Example: onebin add 'datasette-cluster-map>=0.18' ./my-plugin")
@options.with_manifest_and("items", metavar="REQ|PATH...", required=True, complete=options.files)
@with_resolving
@options.with_dry_run
@options.with_offline
@options.with_progress
def add(
    manifest: Path | None, *, items: tuple[str, ...], resolve: bool, dry_run: bool, offline: bool, events: Events
) -> None:
    """Add plugins to the manifest and the lock.

    A plugin that is already in the manifest gets the new version. The other plugins stay locked as they are. If the
    result cannot be resolved, neither file is changed.
    """
    request = options.request(manifest, source=onebin.PackageSource(offline=offline))
    edited = onebin.add_to_manifest(request, items, events, resolve=resolve, dry_run=dry_run)
    show_changes(edited, dry_run=dry_run)
    for notice in edited.notices:
        echo(f"note: {notice}")

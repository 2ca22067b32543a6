"""`onebin add`: add plugins to the manifest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

import onebin
from onebin.cli import options
from onebin.cli.manifest.editing import edit
from onebin.cli.report import echo, plain

if TYPE_CHECKING:
    from pathlib import Path


@click.command(epilog="Example: onebin add 'datasette-cluster-map>=0.18' ./my-plugin")
@options.with_manifest_and("items", metavar="REQ|PATH...", required=True)
def add(manifest: Path | None, *, items: tuple[str, ...]) -> None:
    """Add plugins to the manifest.

    A plugin that is already in the manifest gets the new version.
    """
    notes = onebin.expect_plugins(options.request(manifest), items)  # before the lock becomes stale
    edit(manifest, lambda text, directory: onebin.add_plugins(text, items, directory=directory))
    for note in notes:
        echo(f"note: {plain(note)}")

"""`onebin add`: add plugins to the manifest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

import onebin
from onebin.cli import options
from onebin.cli.manifest.editing import edit

if TYPE_CHECKING:
    from pathlib import Path


@click.command(epilog="Example: onebin add 'datasette-cluster-map>=0.18' ./my-plugin")
@options.with_manifest_and("items", metavar="REQ|PATH...", required=True, complete=options.files)
def add(manifest: Path | None, *, items: tuple[str, ...]) -> None:
    """Add plugins to the manifest.

    A plugin that is already in the manifest gets the new version.
    """
    edit(manifest, lambda text, directory: onebin.add_plugins(text, items, directory=directory))

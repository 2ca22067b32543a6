"""`onebin remove`: remove plugins from the manifest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

import onebin
from onebin.cli import options
from onebin.cli.manifest.editing import edit

if TYPE_CHECKING:
    from pathlib import Path


@click.command(epilog="Example: onebin remove datasette-vega")
@options.with_manifest_and("names", metavar="NAME...", required=True, complete=options.plugin_names)
def remove(manifest: Path | None, *, names: tuple[str, ...]) -> None:
    """Remove plugins from the manifest."""
    edit(manifest, lambda text, _: onebin.remove_plugins(text, names))

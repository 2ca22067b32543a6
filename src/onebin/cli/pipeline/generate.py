"""`onebin generate`: write the source that would be frozen."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

import onebin
from onebin.cli import options
from onebin.cli.report import echo
from onebin.system import display

if TYPE_CHECKING:
    from onebin import Events, PackageSource


@click.command(epilog="Example: onebin generate -o build/source")
@options.with_manifest
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, readable=False), help="Where to write it.  [default: build/NAME]"
)
@options.with_build
@options.with_progress
def generate(
    manifest: Path | None, *, output: Path | None, locked: bool, source: PackageSource, events: Events
) -> None:
    """Write the source that would be frozen, for reading.

    It consists of the registry of the plugins, the entry, and what PyInstaller is to collect.
    """
    request = options.request(manifest, locked=locked, source=source)
    directory = output or request.workspace.directory / "build" / request.manifest.bundle.name
    for file in onebin.generate(request, directory, events):
        echo(display(file))

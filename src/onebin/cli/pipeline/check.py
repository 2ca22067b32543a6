"""`onebin check`: find everything that is wrong before anything is frozen."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

import onebin
from onebin.cli import options
from onebin.cli.pipeline.plugins import plugin_row
from onebin.cli.report import echo, print_json

if TYPE_CHECKING:
    from pathlib import Path

    from onebin import Events, PackageSource


@click.command(epilog="Example: onebin check --locked --types")
@options.with_manifest
@click.option("--graph", "with_graph", is_flag=True, help="Print the order in which plugins are imported, and why.")
@click.option("--types", is_flag=True, help="Also check the plugins against their contracts with mypy.")
@options.with_build
@options.with_json
@options.with_progress
def check(
    manifest: Path | None,
    *,
    with_graph: bool,
    types: bool,
    locked: bool,
    source: PackageSource,
    as_json: bool,
    events: Events,
) -> None:
    """Find everything that is wrong before anything is frozen."""
    planned = onebin.plan(options.request(manifest, locked=locked, source=source), events, types=types)
    if as_json:
        print_json(
            {
                "ok": True,
                "host": planned.host,
                "plugins": [plugin_row(plugin) for plugin in planned.plugins],
                "precedences": [asdict(each) for each in planned.precedences],
                "notices": planned.notices,
            }
        )
    elif with_graph:
        echo("\n".join(planned.graph) or "there are no plugins")

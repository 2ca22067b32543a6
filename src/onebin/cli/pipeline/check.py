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

    from onebin import Events, PackageSource, Platform


@click.command(epilog="Example: onebin check --locked --types")
@options.with_manifest
@click.option("--graph", "with_graph", is_flag=True, help="Print the order in which plugins are imported, and why.")
@click.option("--types", is_flag=True, help="Also check the plugins against their contracts with mypy.")
@options.with_platform
@options.with_build
@options.with_json
@options.with_progress
def check(
    manifest: Path | None,
    *,
    with_graph: bool,
    types: bool,
    platforms: tuple[Platform, ...],
    locked: bool,
    source: PackageSource,
    as_json: bool,
    events: Events,
) -> None:
    """Find everything that is wrong before anything is frozen."""
    requests = options.requests(manifest, platforms, locked=locked, source=source)
    if len(requests) > 1:
        onebin.update_locks(requests, events)
    plans = [onebin.plan(each, events, types=types) for each in requests]
    if as_json:
        rows = [
            {
                "ok": True,
                "host": planned.host,
                "plugins": [plugin_row(plugin) for plugin in planned.plugins],
                "precedences": [asdict(each) for each in planned.precedences],
                "notices": planned.notices,
            }
            for planned in plans
        ]
        print_json(rows[0] if len(rows) == 1 else rows)
    elif with_graph:
        for graph in dict.fromkeys(planned.graph for planned in plans):
            echo("\n".join(graph) or "there are no plugins")

"""`onebin list`: show for each plugin which version is wanted, which is locked, and what it contributes."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

import onebin
from onebin.cli import options
from onebin.cli.page import show, table
from onebin.cli.report import echo, print_json
from onebin.system import display

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from onebin import PluginStatus


_TITLES = ("plugin", "wanted", "locked", "contributes")


@click.command("list", epilog="Example: onebin list --json")
@options.with_manifest
@options.with_json
def list_command(manifest: Path | None, *, as_json: bool) -> None:
    """Show each plugin: wanted, locked, contributes.

    Nothing is resolved or installed. What a plugin contributes to which extension point is known after the first check
    or build.
    """
    request = options.request(manifest)
    plugins = onebin.list_plugins(request)
    if as_json:
        print_json([asdict(each) for each in plugins])
    elif plugins:
        show(table([_TITLES, *_rows(plugins)], indent=0))
    else:
        echo(f"{display(request.manifest.file)} has no plugins; add one with: onebin add NAME")


def _rows(plugins: Sequence[PluginStatus]) -> Iterator[tuple[str, str, str, str]]:
    for each in plugins:
        points = [f"{group}: {', '.join(names)}" for group, names in each.contributes.items()]
        contributes = "; ".join([*points, *each.modules]) or "not staged"
        yield each.name, each.wanted, each.locked or "not locked", contributes

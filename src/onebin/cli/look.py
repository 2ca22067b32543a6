"""The commands that look at artifacts without running them: inspect, diff."""

from __future__ import annotations

from pathlib import Path  # pydantic reads the shapes below when the program runs
from typing import TYPE_CHECKING

import click

from onebin import card
from onebin.card import compare
from onebin.cli import options, views
from onebin.cli.differences import difference
from onebin.cli.page import show
from onebin.cli.report import json_text, print_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from onebin.card import Report

_SECTIONS: dict[str, tuple[Callable[[Report], list[str]], str]] = {
    "files": (views.files, "List every file and module by its owner, with its size."),
    "licences": (views.licences, "List each distribution's licences, and the files that hold them."),
    "sizes": (views.sizes, "List how many bytes are whose: raw, and about how many in the file."),
    "lock": (views.lock, "Print the lock."),
    "manifest": (views.manifest, "Print the manifest."),
}


@click.command(epilog="Examples: onebin inspect dist/ds   |   onebin inspect --sbom dist/ds > ds.cdx.json")
@click.argument("file", type=click.Path(path_type=Path, readable=False))
@click.option("--files", "section", flag_value="files", help=_SECTIONS["files"][1])
@click.option("--licences", "--licenses", "section", flag_value="licences", help=_SECTIONS["licences"][1])
@click.option("--sizes", "section", flag_value="sizes", help=_SECTIONS["sizes"][1])
@click.option("--lock", "section", flag_value="lock", help=_SECTIONS["lock"][1])
@click.option("--manifest", "section", flag_value="manifest", help=_SECTIONS["manifest"][1])
@click.option("--sbom", is_flag=True, help="Print the bill of materials: CycloneDX 1.6, JSON.")
@options.with_json
def inspect(file: Path, *, section: str | None, sbom: bool, as_json: bool) -> None:
    """Show what an artifact holds.

    Read from the file, or from the folder of the layout onedir, without running it.
    """
    inspected = card.inspect(file.absolute())
    if sbom:
        click.echo(json_text(inspected.facts["sbom"]), nl=False)
    elif as_json:
        print_json(inspected.as_json())
    else:
        view = _SECTIONS[section][0] if section else views.summary
        show(view(inspected.as_json()))


@click.command(epilog="Example: onebin diff dist/ds-1.0 dist/ds-1.1")
@click.argument("old", type=click.Path(path_type=Path, readable=False))
@click.argument("new", type=click.Path(path_type=Path, readable=False))
@click.option("--files", "with_files", is_flag=True, help="Name each file and module that differs.")
@options.with_json
@click.pass_context
def diff(context: click.Context, old: Path, new: Path, *, with_files: bool, as_json: bool) -> None:
    """Show what differs between two artifacts.

    Plugins, distributions, files, sizes, interpreter, tool chain, manifest and lock; neither is run. The exit code is 0
    if they are the same, byte for byte, and 1 if not.
    """
    sides = [card.inspect(place.absolute()) for place in (old, new)]
    digests = [card.digest(each) for each in sides]
    found = compare(sides[0].as_json(), sides[1].as_json(), sha256=(digests[0], digests[1]))
    if as_json:
        print_json(found)
    else:
        show(difference(found, (str(old), str(new)), with_files=with_files))
    context.exit(0 if found["same"] else 1)

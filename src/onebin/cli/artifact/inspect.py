"""`onebin inspect`: show what an artifact holds, without running it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

import onebin
from onebin.cli import options
from onebin.cli.artifact import side_car_views, views
from onebin.cli.page import show
from onebin.cli.report import emit, json_text, plain, print_json
from onebin.system import display

if TYPE_CHECKING:
    from collections.abc import Callable

    from onebin import Report

_SECTIONS: dict[str, tuple[Callable[[Report], list[str]], str]] = {
    "files": (views.files, "List every file and module by its owner, with its size."),
    "licences": (views.licences, "List each distribution's licences, and the files that hold them."),
    "sizes": (views.sizes, "List how many bytes each owner takes: raw, and about how many in the file."),
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
@click.option("--with-side-cars", is_flag=True, help="With --sbom: also list the side-cars that FILE accepts.")
@options.with_json
def inspect(file: Path, *, section: str | None, sbom: bool, with_side_cars: bool, as_json: bool) -> None:
    """Show what an artifact holds.

    It is read from the file, or from the folder of the layout onedir, without running it. FILE may also be a side-car,
    NAME.obplugin.
    """
    if with_side_cars and not sbom:
        raise click.UsageError("--with-side-cars can only be used with --sbom.")
    if onebin.is_side_car(file):
        if sbom or section not in {None, "files"}:
            raise click.UsageError(f"{display(file)} is a side-car: only --files and --json can be used with it.")
        side_car = onebin.inspect_side_car(file)
        if as_json:
            print_json(side_car)
        else:
            show(side_car_views.files(side_car) if section else side_car_views.summary(side_car))
        return
    inspected = onebin.inspect(file.absolute())
    if sbom and with_side_cars:
        beside = onebin.side_cars_of(file)
        for line in beside.refused:
            click.echo(plain(f"not listed: {line}", one_line=True), err=True)
        emit(json_text(beside.sbom()), nl=False)
    elif sbom:
        emit(json_text(inspected.facts["sbom"]), nl=False)
    elif as_json:
        print_json(inspected.as_json())
    else:
        view = _SECTIONS[section][0] if section else views.summary
        show(view(inspected.as_json()), as_it_is=section in {"lock", "manifest"})

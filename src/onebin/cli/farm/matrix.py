"""`onebin matrix`: build many bundles of one manifest."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

import onebin
from onebin.cli import options, page
from onebin.cli.farm.engines import error_of, failed, with_engine
from onebin.cli.provenance import with_provenance
from onebin.cli.report import emit, print_json, report
from onebin.errors import OnebinError
from onebin.system import display, megabytes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from onebin import Attestor, CellResult, MatrixResult, PackageSource
    from onebin.cli.farm.engines import Engine
    from onebin.cli.progress import Progress

_TITLES = ("cell", "result", "size", "time", "file")


def _names(context: click.Context, _: click.Parameter, word: str) -> list[CompletionItem]:
    """Complete the name of a cell."""
    try:
        manifest = onebin.Manifest.load(options.workspace_of(context.params.get("manifest")).manifest_file)
        return [CompletionItem(cell.name) for cell in onebin.cells_of(manifest) if cell.name.startswith(word)]
    except OnebinError:
        return []


@click.command(epilog="Examples: onebin matrix   |   onebin matrix --cell 'lite-*'   |   onebin matrix --github")
@options.with_manifest
@click.option(
    "--cell",
    "cells",
    metavar="NAME",
    multiple=True,
    shell_complete=_names,
    help="Only cells of this name; * stands for anything. May be repeated.",
)
@with_engine
@click.option("--fail-fast", is_flag=True, help="Stop the other cells after one has failed.")
@click.option("--release", is_flag=True, help="Compress as much as possible: slower to build, smaller.")
@with_provenance
@click.option("--github", is_flag=True, help="Print a matrix for GitHub's workflows, and build nothing.")
@options.with_build
@options.with_json
@options.with_progress
def matrix(
    manifest: Path | None,
    *,
    cells: tuple[str, ...],
    engine: Engine,
    fail_fast: bool,
    release: bool,
    attestor: Attestor | None,
    github: bool,
    locked: bool,
    source: PackageSource,
    as_json: bool,
    events: Progress,
) -> int:
    """Build the bundle for each Python, platform and variant.

    These are the cells of [matrix]. One that was built before, here or by anybody with the same store, is taken from
    there. A failure does not stop the others; the exit code is that of the worst cell.
    """
    build = options.request(manifest, locked=locked, source=source, release=release)
    if github:
        emit(json.dumps(onebin.github_matrix(onebin.cells_of(build.manifest, cells))))
        return 0
    request = onebin.MatrixRequest(
        build=build,
        store=engine.store or onebin.default_store(build.workspace),
        cells=cells,
        engine=engine.kind,
        scheduler=engine.scheduler,
        certificates=engine.certificates,
        at_once=engine.at_once,
        fail_fast=fail_fast,
    )
    found = onebin.build_matrix(request, events, attestor=attestor)
    if as_json:
        print_json({**onebin.to_json(found), "exit_code": found.exit_code})
        for cell in found.cells:
            if cell.error is not None:
                report(error_of(cell.name, cell.error))
    else:
        page.show(_table(found))
    return found.exit_code


def _table(found: MatrixResult) -> Iterator[str]:
    """Yield a line for each cell, what is wrong with those that failed, and a sum."""
    yield from page.records(_TITLES, [_row(cell) for cell in found.cells])
    for cell in found.cells:
        if cell.error is not None:
            yield from failed(cell.name, cell.error)


def _row(cell: CellResult) -> tuple[str, str, str, str, str]:
    size = "" if cell.record is None else megabytes(cell.record.size)
    seconds = f"{cell.seconds:.1f} s" if cell.seconds else ""
    return cell.name, cell.status, size, seconds, "" if cell.file is None else display(cell.file)

"""The commands that write and read the manifest: init, add, remove, list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table

from onebin import lock as locks
from onebin import manifest as manifests
from onebin import stage
from onebin.cache import Cache
from onebin.cli import options
from onebin.cli.report import print_json
from onebin.errors import Finding, ManifestError, OnebinError, os_errors
from onebin.survey import survey
from onebin.system import display, is_there, write_atomic
from onebin.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path  # pydantic reads the shapes below when the program runs

    from onebin.manifest import Edited, Manifest


@click.command(epilog="Example: onebin init --host datasette --script datasette --with datasette-vega")
@options.with_manifest_option
@options.with_host
@click.option("--force", is_flag=True, help="Replace a manifest that is there.")
def init(
    manifest: Path,
    *,
    wanted: options.Wanted,
    force: bool,
) -> None:
    """Write a new manifest."""
    file = Workspace.at(manifest).manifest_file
    if is_there(file) and not force:
        raise ManifestError(
            f"{display(file)} is there already",
            [
                Finding(
                    display(file),
                    "it was left as it is",
                    "change it with `onebin add`, or replace it with --force",
                )
            ],
        )
    text = wanted.manifest_text(file.parent)
    manifests.parse(text, file=file)
    _write(file, text)
    click.echo(f"wrote {display(file)}; next: onebin bundle")


@click.command(epilog="Example: onebin add 'datasette-cluster-map>=0.18' ./my-plugin")
@options.with_manifest_option
@click.argument("items", nargs=-1, required=True, metavar="REQ|PATH...")
def add(manifest: Path, items: tuple[str, ...]) -> None:
    """Add plugins to the manifest.

    Plugins that are in it already get the new version.
    """
    _edit(manifest, lambda text, directory: manifests.add(text, items, directory=directory))


@click.command(epilog="Example: onebin remove datasette-vega")
@options.with_manifest_option
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
def remove(manifest: Path, names: tuple[str, ...]) -> None:
    """Remove plugins from the manifest."""
    _edit(manifest, lambda text, _: manifests.remove(text, names))


@click.command("list", epilog="Example: onebin list --json")
@options.with_manifest
@options.with_json
def list_plugins(manifest: Path, *, as_json: bool) -> None:
    """Show each plugin: wanted, locked, contributes.

    Reads what is there: what a plugin contributes to which extension point is known once the bundle was checked or
    built.
    """
    loaded, workspace = options.opened(manifest)
    rows = _rows(loaded, workspace)
    if as_json:
        print_json(rows)
        return
    if not rows:
        click.echo(f"{display(loaded.file)} has no plugins; add one with: onebin add NAME")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("plugin", "wanted", "locked", "contributes"):
        table.add_column(title, overflow="fold")
    for row in rows:
        points = [f"{group}: {', '.join(names)}" for group, names in row["contributes"].items()]
        table.add_row(
            row["name"],
            row["wanted"],
            row["locked"] or "not locked",
            "\n".join([*points, *row["modules"]]) or "not staged",
        )
    Console(highlight=False).print(table)


def _edit(manifest: Path, change: Callable[[str, Path], Edited]) -> None:
    file = Workspace.at(manifest).manifest_file
    loaded = manifests.load(file)
    edited = change(loaded.text, file.parent)
    manifests.parse(edited.text, file=file)
    _write(file, edited.text)
    for line in edited.changes:
        click.echo(line)


def _write(file: Path, text: str) -> None:
    """Write a manifest so that an interrupted edit loses nothing."""
    with os_errors(OnebinError, "write", file):
        write_atomic(file, text)


def _rows(manifest: Manifest, workspace: Workspace) -> list[dict[str, Any]]:
    locked = locks.read(manifest, workspace)
    versions = {package.name: package.version or "local" for package in locked.packages} if locked else {}
    answers = dict(locked.answers) if locked else {}
    distributions = {}
    if locked:
        key = stage.stage_key(locked)
        entry = Cache(workspace.cache_dir).find(stage.KIND, key)
        if entry is not None:
            distributions = dict(
                survey(stage.Stage(key=key, directory=entry / "env", lock=locked), workspace).distributions
            )
    rows = []
    for row in manifest.plugins:
        answer = answers.get(row.name)
        contributes: dict[str, list[str]] = {}
        distribution = distributions.get(answer) if answer else None
        for point in distribution.plugs if distribution else ():
            contributes.setdefault(point.group, []).append(point.name)
        rows.append(
            {
                "name": row.name,
                "wanted": row.wanted or "modules only",
                "distribution": answer,
                "locked": distribution.version if distribution else versions.get(answer or ""),
                "contributes": contributes,
                "modules": list(row.modules),
            }
        )
    return rows

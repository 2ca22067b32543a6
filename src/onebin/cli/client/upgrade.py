"""`onebin upgrade`: replace a file from a build service by one with newer versions."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

import onebin
from onebin.cli import options
from onebin.cli.client.asking import row_of, with_client
from onebin.cli.page import show, table
from onebin.cli.report import echo, print_json
from onebin.system import display

if TYPE_CHECKING:
    from onebin import ServiceClient, Upgraded, VersionChange
    from onebin.cli.progress import Progress


@click.command(epilog="Examples: onebin upgrade ds   |   onebin upgrade --check ds")
@click.argument("file", type=click.Path(path_type=Path, readable=False))
@click.option("--service", metavar="URL", help="The build service.  [default: the builder in FILE.intoto.jsonl]")
@click.option("--check", is_flag=True, help="Only say whether there is something newer, with the exit code 1 if so.")
@with_client
@options.with_json
@options.with_progress
@click.pass_context
def upgrade(
    context: click.Context,
    file: Path,
    *,
    service: str | None,
    check: bool,
    client: ServiceClient,
    as_json: bool,
    events: Progress,
) -> None:
    """Replace a file from a build service by a newer one.

    Asks the service for the same host and plugins, in the newest versions that it offers. What comes is checked as
    `onebin fetch` does it, and replaces FILE in one move, also while FILE runs. A file that would have an older host or
    plugin is refused. With --check, nothing is written, but the service may have to build the newer file.
    """
    found = onebin.upgrade(onebin.UpgradeRequest(file=file, service=service, only_check=check, client=client), events)
    if as_json:
        fetched = None if found.fetched is None else row_of(found.fetched)
        changes = [asdict(each) for each in found.changes]
        print_json({"file": str(found.file), "newer": found.is_newer, "changes": changes, "fetched": fetched})
    else:
        _show(found)
    context.exit(1 if check and found.is_newer else 0)


def _show(found: Upgraded) -> None:
    file = display(found.file)
    if not found.is_newer:
        echo(f"{file}: nothing newer at {found.service}")
        return
    echo(f"{file}: upgraded" if found.fetched else f"{file}: there is a newer file at {found.service}")
    if found.changes:
        show(table([(each.kind, each.name, _versions(each)) for each in found.changes]))
    else:
        echo("  the versions are the same; only the bytes differ")


def _versions(change: VersionChange) -> str:
    if change.old is None:
        return f"{change.new}, new"
    return f"{change.old}, gone" if change.new is None else f"{change.old} -> {change.new}"

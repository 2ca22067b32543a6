"""`onebin new`: create a project, a host or a plugin for one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

import onebin
from onebin.cli import options
from onebin.cli.help import Group
from onebin.cli.page import show, wrapped
from onebin.cli.report import print_json
from onebin.system import count, display

if TYPE_CHECKING:
    from onebin import Events, NewProject, Style

_DIRECTORY = click.argument("directory", metavar="NAME", type=click.Path(path_type=Path, readable=False))


def _style(*, default: Style | None, text: str) -> options.Function:
    return click.option(
        "--style",
        type=click.Choice(["entry-points", "pluggy", "stevedore", "namespace"]),
        default=default,
        show_default=default is not None,
        help=text,
    )


@click.group(
    cls=Group,
    epilog="Examples: onebin new host my-app   |   onebin new plugin my-app-csv --for my-app",
    context_settings={"help_option_names": ["-h", "--help"]},
)
def new() -> None:
    """Create a project: a host, or a plugin for one."""


@new.command(epilog="Example: onebin new host my-app --style pluggy")
@_DIRECTORY
@_style(default="entry-points", text="How the host finds its plugins.")
@options.with_json
def host(directory: Path, *, style: Style, as_json: bool) -> None:
    """Create a host: an application that plugins extend.

    NAME is a new folder, and the project's name. It has a contract for its plugins, a plugin of its own, tests,
    and a manifest for `onebin bundle`.
    """
    _report(onebin.new_host(directory, style=style), as_json=as_json)


@new.command(epilog="Example: onebin new plugin my-app-csv --for my-app")
@_DIRECTORY
@click.option("--for", "host", metavar="PATH|REQ", help="The host: its project's folder, a manifest, or a requirement.")
@click.option("--group", metavar="NAME", help="The group of entry points, or namespace package, of the plugin.")
@click.option("--contract", metavar="MODULE:NAME", help="What the plugin must fit.  [default: as the host says]")
@_style(default=None, text="How the host finds its plugins.  [default: as its source shows]")
@options.with_offline
@options.with_json
@options.with_progress
def plugin(
    directory: Path,
    *,
    host: str | None,
    group: str | None,
    contract: str | None,
    style: Style | None,
    offline: bool,
    as_json: bool,
    events: Events,
) -> None:
    """Create a plugin for a host.

    NAME is a new folder, and the project's name. How the host finds plugins, and what they must fit, is read from its
    source and its manifest; the plugin has a stub of each member of the contract. A host that is not on this machine is
    downloaded.
    """
    created = onebin.new_plugin(
        directory,
        host=host,
        group=group,
        contract=contract,
        style=style,
        source=onebin.PackageSource(offline=offline),
        events=events,
    )
    _report(created, as_json=as_json)


def _report(created: NewProject, *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "directory": str(created.directory),
                "files": created.files,
                "notes": created.notes,
                "next": created.next_steps,
            }
        )
        return
    lines = [f"created {display(created.directory)} with {count(len(created.files), 'file')}"]
    lines += [wrapped("  ", note) for note in created.notes]
    show([*lines, "next:", *(f"  {step}" for step in created.next_steps)])

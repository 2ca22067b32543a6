"""`onebin init`: write a new manifest."""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import TYPE_CHECKING

import click

import onebin
from onebin.cli import options
from onebin.cli.report import echo
from onebin.cli.wanted import Wanted, with_host
from onebin.errors import Finding, ManifestError, OnebinError, os_errors
from onebin.system import display, is_there, write_atomic

if TYPE_CHECKING:
    from pathlib import Path

    from onebin import Events, Workspace


@click.command(epilog="Example: onebin init --host datasette --with datasette-vega")
@options.with_manifest
@with_host
@click.option("--force", is_flag=True, help="Replace an existing manifest.")
@click.option(
    "--no-resolve",
    "resolve",
    flag_value=False,
    default=True,
    help="Look nothing up: neither the packages nor the host's scripts.",
)
@options.with_offline
@options.with_progress
def init(manifest: Path | None, *, wanted: Wanted, force: bool, resolve: bool, offline: bool, events: Events) -> None:
    """Write a new manifest.

    The default of --host is the project in this folder, if it has console scripts. Without --script, it is the host's
    only console script, or the one with the host's name; if that is not clear, you are asked on a terminal. Packages
    and scripts that do not exist are refused, unless an index does not answer.
    """
    workspace = options.new_workspace(manifest)
    file = workspace.manifest_file
    if is_there(file) and not force:
        hint = "change it with `onebin add`, or replace it with --force"
        finding = Finding(display(file), "it was not changed", hint)
        raise ManifestError(f"{display(file)} already exists", [finding])
    if wanted.host is None:
        wanted = replace(wanted, host=_default_host(workspace))
    source = onebin.PackageSource(offline=offline)
    text = wanted.manifest_text(workspace, events, source=source, resolve=resolve)
    made = onebin.Manifest.parse(text, file=file)
    if resolve:
        onebin.look_up(made, workspace, events, source=source)
    with os_errors(OnebinError, "write", file):
        write_atomic(file, text)
    command = ["onebin", "bundle", *([] if file == options.new_workspace(None).manifest_file else [display(file)])]
    echo(f"wrote {display(file)}; next: {shlex.join(command)}")


def _default_host(workspace: Workspace) -> str | None:
    """Return the project in the manifest's folder if it has scripts, or what the user enters on a terminal."""
    here = workspace.directory
    declared = None
    if is_there(here / "pyproject.toml"):
        declared = onebin.find_scripts(str(here), workspace, resolve=False)
    if declared is not None and declared.scripts:
        return str(here)
    if options.is_terminal():
        return str(click.prompt("Which application is to be frozen (a package, or a project's folder)?", err=True))
    return None

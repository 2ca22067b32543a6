"""`onebin init`: write a new manifest."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import click

import onebin
from onebin.cli import options
from onebin.cli.report import echo
from onebin.errors import Finding, ManifestError, OnebinError, os_errors
from onebin.system import display, is_there, write_atomic

if TYPE_CHECKING:
    from pathlib import Path


@click.command(epilog="Example: onebin init --host datasette --script datasette --with datasette-vega")
@options.with_manifest
@options.with_host
@click.option("--force", is_flag=True, help="Replace an existing manifest.")
def init(manifest: Path | None, *, wanted: options.Wanted, force: bool) -> None:
    """Write a new manifest."""
    file = options.workspace_of(manifest).manifest_file
    if is_there(file) and not force:
        hint = "change it with `onebin add`, or replace it with --force"
        finding = Finding(display(file), "it was not changed", hint)
        raise ManifestError(f"{display(file)} already exists", [finding])
    text = wanted.manifest_text(file.parent)
    onebin.Manifest.parse(text, file=file)
    with os_errors(OnebinError, "write", file):
        write_atomic(file, text)
    command = ["onebin", "bundle", *([] if file == options.workspace_of(None).manifest_file else [display(file)])]
    echo(f"wrote {display(file)}; next: {shlex.join(command)}")

"""Edit a manifest's file: it is replaced in one move, and only if the result is valid."""

from __future__ import annotations

from typing import TYPE_CHECKING

import onebin
from onebin.cli import options
from onebin.cli.report import echo
from onebin.errors import OnebinError, os_errors
from onebin.system import write_atomic

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from onebin import Edited


def edit(manifest: Path | None, change: Callable[[str, Path], Edited]) -> None:
    """Apply a change to a manifest's text and print what changed; raises ManifestError.

    `change` gets the text and the directory of the manifest.
    """
    file = options.workspace_of(manifest).manifest_file
    edited = change(onebin.Manifest.load(file).text, file.parent)
    onebin.Manifest.parse(edited.text, file=file)
    with os_errors(OnebinError, "write", file):
        write_atomic(file, edited.text)
    for line in edited.changes:
        echo(line)

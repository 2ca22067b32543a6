"""`onebin tree`: show what the locked distributions require, from host and plugins down, or from one of them up."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

import onebin
from onebin.cli import options
from onebin.cli.page import guided, show
from onebin.cli.report import print_json
from onebin.system import canonical_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from onebin import Events, PackageSource, Platform, TreeLine


@click.command(epilog="Example: onebin tree --invert click")
@options.with_manifest
@click.option(
    "-i",
    "--invert",
    metavar="NAME",
    shell_complete=options.locked_names,
    help="Show what requires this distribution, plugin or module instead.",
)
@click.option("--depth", type=click.IntRange(min=0), metavar="N", help="Show at most N levels below the first.")
@options.with_build
@options.with_one_platform
@options.with_json
@options.with_progress
def tree(
    manifest: Path | None,
    *,
    invert: str | None,
    depth: int | None,
    locked: bool,
    source: PackageSource,
    platform: Platform | None,
    as_json: bool,
    events: Events,
) -> None:
    """Show the locked distributions that host and plugins require.

    After each one, in parentheses, are the versions that are required, and the markers that applied. What is below a
    line with (*) is shown further up, where the distribution comes first. Locks and installs what is not locked and
    staged yet; nothing is frozen.
    """
    request = options.request(manifest, platform=platform, locked=locked, source=source)
    lines = onebin.show_tree(request, events, invert=invert, depth=depth)
    if as_json:
        print_json([asdict(line) for line in lines])
        return
    show(_drawn(lines, inverted=invert is not None))


def _drawn(lines: Sequence[TreeLine], *, inverted: bool) -> Iterator[str]:
    yield from guided([(line.depth, described(line, inverted=inverted)) for line in lines])
    if any(line.is_repeated for line in lines):
        yield "(*) what it requires is shown above" if not inverted else "(*) what requires it is shown above"


def described(line: TreeLine, *, inverted: bool = False) -> str:
    """Return a line of a tree as text: name, extras, version, and in parentheses its role and what is required."""
    extras = f"[{','.join(line.extras)}]" if line.extras else ""
    markers = f"if {' or '.join(line.markers)}" if line.markers else ""
    required = " ".join(each for each in (f"{extras if inverted else ''}{line.versions}", markers) if each)
    if required and inverted and line.depth:
        required = f"requires {required}"
    notes = ", ".join(each for each in (role(line), required) if each)
    shown = f"{line.name}{'' if inverted else extras} {line.version}{f' ({notes})' if notes else ''}"
    return f"{shown}{' (*)' if line.is_repeated else ''}"


def role(line: TreeLine) -> str:
    """Return what a line is in the manifest: host, plugin, or an empty text."""
    if line.plugin is None:
        return "host" if line.host else ""
    return "plugin" if canonical_name(line.plugin) == line.name else f"plugin {line.plugin}"

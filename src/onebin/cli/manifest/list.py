"""`onebin list`: show for each plugin which version is wanted, which is locked, its size, and what it contributes."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

import onebin
from onebin.cli import options
from onebin.cli.page import records, show, wrapped
from onebin.cli.report import echo, print_json
from onebin.system import display, megabytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from onebin import Platform, PluginStatus


_TITLES = ("plugin", "wanted", "locked", "newest", "size", "contributes")


@click.command("list", epilog="Example: onebin list --outdated")
@options.with_manifest
@click.option("--outdated", is_flag=True, help="Ask the index, and show the plugins that have a newer release.")
@options.with_one_platform
@options.with_json
def list_command(manifest: Path | None, *, outdated: bool, platform: Platform | None, as_json: bool) -> None:
    """Show each plugin: wanted, locked, size, contributes.

    Nothing is resolved or installed. Size, and what a plugin contributes to which extension point, are known once a
    check or a build has staged that version.
    """
    request = options.request(manifest, platform=platform)
    of_platform = f" --platform {platform}" if platform else ""
    plugins = onebin.list_plugins(request, options.slow_steps(quiet=as_json), newest=outdated)
    unlocked = [each.name for each in plugins if each.locked is None and each.wanted != "modules only"]
    if outdated:
        plugins = tuple(each for each in plugins if each.newest not in (None, each.locked))
    if as_json:
        print_json([asdict(each) for each in plugins])
    elif plugins:
        titles, *rows = _columns([_TITLES, *map(_row, plugins)], outdated=outdated)
        missing = () if outdated else _missing(plugins, of_platform)
        notes = [*(_note(each) for each in plugins if each.notice), *missing]
        show([*records(titles, rows), *(wrapped("note: ", note) for note in notes)])
    elif outdated and unlocked:
        echo(f"not locked, so not compared: {', '.join(unlocked)}; run `onebin lock{of_platform}` first")
    elif outdated:
        echo("no plugin has a newer release")
    else:
        echo(f"{display(request.manifest.file)} has no plugins; add one with: onebin add NAME")


def _columns(rows: Sequence[tuple[str, ...]], *, outdated: bool) -> Sequence[tuple[str, ...]]:
    return rows if outdated else [(*row[:3], *row[4:]) for row in rows]


def _row(each: PluginStatus) -> tuple[str, ...]:
    of_another = each.wanted == "modules only"
    points = [f"{group}: {', '.join(names)}" for group, names in each.contributes.items()]
    owner = f" of {each.distribution} {each.locked}" if of_another and each.distribution else ""
    modules = [f"modules {', '.join(each.modules)}{owner}"] if each.modules else []
    nothing = "nothing" if each.notice else "not known yet"
    size = "" if each.size is None else megabytes(each.size)
    locked = "" if of_another else each.locked or "not locked"
    wanted = each.wanted.removeprefix(each.name).strip() or "*"
    return each.name, wanted, locked, each.newest or "", size, "; ".join([*points, *modules]) or nothing


def _missing(plugins: Sequence[PluginStatus], of_platform: str) -> Iterator[str]:
    """Yield what is not known yet or may have changed, and which command makes it known, with its options."""
    unlocked = [each.name for each in plugins if each.locked is None and each.wanted != "modules only"]
    unknown = [each.name for each in plugins if each.stage is None and each.name not in unlocked]
    earlier = [each.name for each in plugins if each.stage == "earlier"]
    if unlocked:
        yield f"{', '.join(unlocked)}: not locked as wanted; run `onebin lock{of_platform}`"
    if unknown:
        yield f"{', '.join(unknown)}: not staged yet; `onebin check{of_platform}` shows what it contributes"
    if earlier:
        age = "as staged for an earlier lock or earlier sources"
        yield f"{', '.join(earlier)}: {age}; `onebin check{of_platform}` renews it"


def _note(each: PluginStatus) -> str:
    return each.notice if each.notice and each.notice.startswith("plugin ") else f"plugin {each.name}: {each.notice}"

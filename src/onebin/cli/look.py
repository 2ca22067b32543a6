"""The command that looks at an artifact: inspect."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from onebin import inspect as inspecting
from onebin.cli import options
from onebin.cli.report import plain, print_json


@click.command(epilog="Example: onebin inspect --json dist/ds")
@click.argument("file", type=click.Path(path_type=Path, readable=False))
@click.option("--sizes", is_flag=True, help="List how many bytes are whose: raw, and about how many in the file.")
@options.with_json
def inspect(file: Path, *, sizes: bool, as_json: bool) -> None:
    """Show what an artifact holds.

    Read from the file without running it.
    """
    inspected = inspecting.inspect(file.absolute())
    if as_json:
        print_json(inspected.as_json())
        return
    for line in (_sizes if sizes else _lines)(inspected.as_json()):
        click.echo(plain(line).replace("\n", "?"))


def _lines(facts: dict[str, Any]) -> list[str]:
    """Return an artifact's facts as lines that fit a terminal."""
    width = max([len(plugin["name"]) for plugin in facts["plugins"]], default=0)
    host, python = facts["host"], facts["interpreter"]
    tools = ", ".join(
        f"{tool['name']} {tool['version']}" for tool in facts["toolchain"] if tool["name"].startswith("pyinstaller")
    )
    return [
        f"{facts['name']}: {host['name']} {host['version']} ({host['entry']}), {facts['size'] / 1e6:.1f} MB",
        f"  interpreter  {python['implementation']} {python['version']}, {python['platform']}",
        f"  C library    {_c_library(facts['libc'])}",
        f"  lock         sha256:{facts['lock_sha256']}",
        f"  packages     {len(facts['distributions'])}",
        f"  built with   onebin {facts['onebin']}, {tools}",
        f"  plugins      {len(facts['plugins'])}",
        *(f"    {plugin['name']:<{width}}  {plugin['version']}  {_groups(plugin)}" for plugin in facts["plugins"]),
    ]


_NAME_WIDTH = 44


def _sizes(facts: dict[str, Any]) -> list[str]:
    """Return a table of who takes how many bytes, the largest first, 80 columns wide at most."""
    rows = sorted(facts["sizes"], key=lambda row: (-row["in_file"], -row["bytes"], row["owner"]))
    card = facts["size"] - sum(row["in_file"] for row in rows)
    shown = [(row["owner"], row["files"], row["bytes"], row["in_file"]) for row in rows]
    if card > 0 and any(row["kind"] == "launcher" for row in rows):
        shown.append(("card", 1, card, card))
    total = ("all", *(sum(row[column] for row in shown) for column in (1, 2, 3)))
    lines = [
        f"{name[:_NAME_WIDTH]:<{_NAME_WIDTH}}{files:>8}{raw:>14,}{own:>14,}"
        for name, files, raw, own in (*shown, total)
    ]
    heading = f"{facts['name'][:_NAME_WIDTH]:<{_NAME_WIDTH}}{'files':>8}{'bytes':>14}{'in the file':>14}"
    return [heading, *lines[:-1], "-" * len(heading), lines[-1]]


def _c_library(libc: dict[str, Any]) -> str:
    """Return in a line what the artifact wants of its machine."""
    if libc["kind"] == "bundled":
        return "its own"
    if libc["glibc"] is None:
        return "the machine's"
    files = [Path(need["file"]).name for need in libc["because"]]
    more = f" and {len(files) - 1} more" if len(files) > 1 else ""
    return f"glibc {libc['glibc']} or newer, for {files[0]}{more}"


def _groups(plugin: dict[str, Any]) -> str:
    """Return what a plugin registers, by extension point."""
    groups: dict[str, list[str]] = {}
    for group, name, _ in plugin["entry_points"]:
        groups.setdefault(group, []).append(name)
    return "; ".join(f"{group}: {', '.join(names)}" for group, names in groups.items()) or ", ".join(plugin["modules"])

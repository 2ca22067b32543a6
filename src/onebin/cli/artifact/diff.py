"""`onebin diff`: show what differs between two artifacts, without running them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

import onebin
from onebin.cli import options
from onebin.cli.artifact import side_car_views
from onebin.cli.page import faint, field, heading, one_line, show, table
from onebin.cli.report import print_json
from onebin.system import megabytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from onebin import Change, Difference, SideCarDifference

_SIDES = ("name", "host", "layout", "interpreter", "libc", "side_cars", "onebin")
_LABELS = {"libc": "C library", "side_cars": "side-cars"}
_SHOWN_LINES = 12
_WIDEST_LINE = 400
_SIGNS = {"+": "added", "-": "removed", "~": "changed"}


@click.command(epilog="Example: onebin diff dist/ds-1.0 dist/ds-1.1")
@click.argument("old", type=click.Path(path_type=Path, readable=False))
@click.argument("new", type=click.Path(path_type=Path, readable=False))
@click.option("--files", "with_files", is_flag=True, help="Name each file and module that differs.")
@options.with_json
@click.pass_context
def diff(context: click.Context, old: Path, new: Path, *, with_files: bool, as_json: bool) -> None:
    """Show what differs between two artifacts.

    Plugins, distributions, files, sizes, interpreter, toolchain, manifest and lock are compared; neither file is run.
    The exit code is 0 if they are the same, byte for byte, and 1 if not. Both may also be side-cars, NAME.obplugin.
    """
    names = str(old), str(new)
    found: Difference | SideCarDifference
    if onebin.is_side_car(old) and onebin.is_side_car(new):
        found = side_cars = onebin.diff_side_cars(old, new)
        lines = list(side_car_views.difference(side_cars, names))
    else:
        found = artifacts = onebin.diff(old, new)
        lines = _lines(artifacts, names, with_files=with_files)
    if as_json:
        print_json(found)
    else:
        show(lines)
    context.exit(0 if found["same"] else 1)


def _lines(found: Difference, names: tuple[str, str], *, with_files: bool) -> list[str]:
    """Return a difference as lines; `names` are those of the two artifacts."""
    if found["same"]:
        return [f"{one_line(names[0])} and {one_line(names[1])} are the same, byte for byte"]
    lines = [heading(f"{names[0]} -> {names[1]}")]
    size = found["size"]
    if size:
        change = f"{megabytes(size['old'])} -> {megabytes(size['new'])} ({size['new'] - size['old']:+,} bytes)"
        lines.append(field("size", change))
    for key in _SIDES:
        side = found[key]  # type: ignore[literal-required]  # the names of members that have two sides
        if side:
            lines.append(field(_LABELS.get(key, key), f"{side['old']} -> {side['new']}"))
    lines += _changes("plugins", found["plugins"])
    lines += _changes("packages", found["distributions"])
    lines += _changes("toolchain", found["toolchain"])
    lines += _each_file(found) if with_files else _files(found)
    lines += _text("manifest", found["manifest"])
    lines += _text("lock", found["lock"])[:1]
    if len(lines) == 1 or (len(lines) == 2 and size):
        why = "the same; only the bytes differ (another compression, or damage: onebin verify)"
        lines.append(field("content", why))
    return lines


def _changes(label: str, changes: Sequence[Change]) -> list[str]:
    if not changes:
        return []
    rows = [(_sign(each), each["name"], _versions(each)) for each in changes]
    return [field(label, _counted(sign for sign, _, _ in rows)), *table(rows, indent=4)]


def _sign(change: Change) -> str:
    return "+" if change["old"] is None else "-" if change["new"] is None else "~"


def _versions(change: Change) -> str:
    """Return both versions; other facts are shown only if the versions are the same."""
    old, new = (change["old"] or "").split(" "), (change["new"] or "").split(" ")
    if change["old"] is None or change["new"] is None:
        return (new if change["old"] is None else old)[0]
    if old[0] != new[0]:
        return f"{old[0]} -> {new[0]}"
    gone, came = [each for each in old if each not in new], [each for each in new if each not in old]
    return " ".join([old[0], *(f"-{_short(each)}" for each in gone), *(f"+{_short(each)}" for each in came)])


def _short(word: str) -> str:
    return word[:19] if word.startswith("sha256:") else word


def _counted(signs: Iterable[str]) -> str:
    """Return "2 added, 1 changed"."""
    found = Counter("~" if sign not in "+-" else sign for sign in signs if sign in {*_SIGNS})
    return ", ".join(f"{found[sign]:,} {word}" for sign, word in _SIGNS.items() if found[sign])


def _files(found: Difference) -> list[str]:
    if not found["files"]:
        return []
    owners: dict[str, list[str]] = {}
    for each in found["files"]:
        owners.setdefault(each["owner"], []).append(_sign(each))
    rows = [(owner, _counted(signs)) for owner, signs in owners.items()]
    return [field("files", _counted(_sign(each) for each in found["files"])), *table(rows, indent=4)]


def _each_file(found: Difference) -> list[str]:
    lines = []
    owner = None
    for each in found["files"]:
        if each["owner"] != owner:
            owner = each["owner"]
            lines.append(field("files", f"of {owner}"))
        module = " (module)" if each["kind"] == "module" else ""
        lines.append(f"    {_sign(each)} {one_line(each['name'])}{module}")
    return lines


def _text(label: str, lines: Sequence[str]) -> list[str]:
    """Return a label and the lines that changed, only the first ones if there are many."""
    changed = [line for line in lines if line[:1] in "+-"]
    if not changed:
        return [field(label, "not the same")] if lines else []
    shown = [f"    {one_line(line[:_WIDEST_LINE])}" for line in changed[:_SHOWN_LINES]]
    if len(changed) > _SHOWN_LINES:
        shown.append(faint(f"    and {len(changed) - _SHOWN_LINES} more; --json has them all"))
    return [field(label, _counted(line[:1] for line in changed) + " lines"), *shown]

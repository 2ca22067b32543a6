"""What `onebin inspect` and `onebin diff` show of side-cars."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onebin.cli.page import field, heading, one_line, table
from onebin.system import count, megabytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from onebin import Change, SideCarDifference, SideCarReport

_SIDES = ("signed_by", "bundle", "name", "version", "sequence", "python", "platform", "isolate")
_CHANGES = ("brings", "requires", "entry_points", "files")


def summary(report: SideCarReport) -> list[str]:
    """Return a side-car's main facts."""
    size = megabytes(report["size"])
    lines = [
        heading(f"{report['name']} {report['version']}: a side-car for {report['bundle']}, {size}"),
        field("signed by", f"{report['signed_by']} (whose key that is, `onebin verify --key` checks)"),
        field("sequence", str(report["sequence"])),
        field("made for", _machine(report)),
        field("holds", f"{count(len(report['files']), 'file')}, {len(report['native']) or 'none'} of them native"),
    ]
    if report["isolate"]:
        lines.append(field("isolated", "in a process of its own"))
    lines.append(field("sha256", report["sha256"]))
    for label, rows in (
        ("extends", [(group, name, value) for group, name, value in report["entry_points"]]),
        ("brings", [(each["name"], each["version"]) for each in report["brings"]]),
        ("requires", list(report["requires"].items())),
    ):
        lines += [field(label, str(len(rows))), *table(rows, indent=4)]
    return lines


def files(report: SideCarReport) -> list[str]:
    """Return every file with its size."""
    return [f"{each['size']:>14,}  {one_line(path)}" for path, each in sorted(report["files"].items())]


def difference(found: SideCarDifference, names: tuple[str, str]) -> Iterator[str]:
    """Yield a difference as lines; `names` are those of the two side-cars."""
    if found["same"]:
        yield f"{one_line(names[0])} and {one_line(names[1])} are the same, byte for byte"
        return
    yield heading(f"{names[0]} -> {names[1]}")
    if found["size"]:
        yield field("size", f"{megabytes(found['size']['old'])} -> {megabytes(found['size']['new'])}")
    for key in _SIDES:
        side = found[key]  # type: ignore[literal-required]  # the names of members that have two sides
        if side:
            yield field(_label(key), f"{side['old']} -> {side['new']}")
    for key in _CHANGES:
        changes = found[key]  # type: ignore[literal-required]  # the names of members that are lists
        if changes:
            yield field(_label(key), f"{len(changes)} changed")
            yield from table([_row(each, is_file=key == "files") for each in changes], indent=4)


def _label(key: str) -> str:
    return {"signed_by": "signed by", "entry_points": "extends"}.get(key, key)


def _row(change: Change, *, is_file: bool) -> Sequence[str]:
    sign = "+" if change["old"] is None else "-" if change["new"] is None else "~"
    versions = "" if is_file else " -> ".join(filter(None, (change["old"], change["new"])))
    return sign, change["name"], versions


def _machine(report: SideCarReport) -> str:
    python, platform = report["python"], report["platform"]
    return "any Python on any platform" if python == platform == "any" else f"{python} on {platform}"

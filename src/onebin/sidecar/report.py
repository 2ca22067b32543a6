"""Look into a side-car, and compare two of them, without running anything: for people and for machines.

    python -m onebin.sidecar.report > src/onebin/sidecar/side-car.schema.json

`onebin inspect --json` prints a `SideCarReport` of a side-car, `onebin diff --json` a `SideCarDifference` of two.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, Literal

from pydantic import TypeAdapter
from typing_extensions import TypedDict  # pydantic cannot read the standard library's before Python 3.12

from onebin.card import Change, Sides, Sizes, changes, schema_of, sides
from onebin.sidecar.container import read_container
from onebin.sidecar.facts import SideCarFacts

if TYPE_CHECKING:
    from pathlib import Path


class SideCarReport(SideCarFacts):
    """A side-car: its facts, its size in bytes, its SHA-256, and the fingerprint of the key that signed it."""

    schema: Literal[1]
    file: str
    size: int
    sha256: str
    signed_by: str


class SideCarDifference(TypedDict):
    """What differs between two side-cars; everything that is equal is empty or null."""

    schema: Literal[1]
    same: bool
    bytes: Sides | None
    size: Sizes | None
    signed_by: Sides | None
    name: Sides | None
    bundle: Sides | None
    version: Sides | None
    sequence: Sides | None
    python: Sides | None
    platform: Sides | None
    isolate: Sides | None
    brings: list[Change]
    requires: list[Change]
    entry_points: list[Change]
    files: list[Change]


def inspect_side_car(file: Path) -> SideCarReport:
    """Return what a side-car says of itself; raises ArtifactError and SignatureError if its bytes are not as signed.

    Who has the key that signed it is left to the caller.
    """
    read = read_container(file.absolute())
    own = {"file": str(read.file), "size": read.size, "sha256": read.sha256, "signed_by": read.signed_by}
    return {"schema": 1, **own, **read.facts}  # type: ignore[typeddict-item]  # the members of both


def diff_side_cars(old: Path, new: Path) -> SideCarDifference:
    """Return what differs between two side-cars; raises ArtifactError and SignatureError."""
    before, after = inspect_side_car(old), inspect_side_car(new)
    both = (before, after)
    found: SideCarDifference = {
        "schema": 1,
        "same": before["sha256"] == after["sha256"],
        "bytes": sides(before["sha256"], after["sha256"]),
        "size": None if before["size"] == after["size"] else {"old": before["size"], "new": after["size"]},
        "signed_by": sides(before["signed_by"], after["signed_by"]),
        "name": sides(before["name"], after["name"]),
        "bundle": sides(before["bundle"], after["bundle"]),
        "version": sides(before["version"], after["version"]),
        "sequence": sides(str(before["sequence"]), str(after["sequence"])),
        "python": sides(before["python"], after["python"]),
        "platform": sides(before["platform"], after["platform"]),
        "isolate": sides(str(before["isolate"]).lower(), str(after["isolate"]).lower()),
        "brings": changes(*({each["name"]: each["version"] for each in side["brings"]} for side in both)),
        "requires": changes(before["requires"], after["requires"]),
        "entry_points": changes(*({f"{g}: {name}": value for g, name, value in each["entry_points"]} for each in both)),
        "files": changes(*({path: each["sha256"] for path, each in side["files"].items()} for side in both)),
    }
    return found


def schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a report."""
    return schema_of(TypeAdapter(SideCarReport))


if __name__ == "__main__":
    sys.stdout.write(json.dumps(schema(), indent=2) + "\n")

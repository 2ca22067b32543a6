"""Compare two artifacts by their cards; neither is run.

    python -m onebin.card.difference > src/onebin/card/diff.schema.json

Takes two reports and returns a Difference, in which everything that is equal is empty or null.
"""

from __future__ import annotations

import difflib
import json
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any, Literal

from packaging.utils import canonicalize_name
from pydantic import TypeAdapter
from typing_extensions import TypedDict  # pydantic cannot read the standard library's before Python 3.12

from onebin.card.report import digest, inspect
from onebin.card.schemas import schema_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from onebin.card.facts import ContentFacts
    from onebin.card.report import Report


# The time to compare texts grows with the square of their lines. The lock of 1,000 plugins has about 6,000.
_MOST_LINES = 20_000
_MOST_PAIRS = 200_000


class Change(TypedDict):
    """Something that is only in the first artifact (`new` is null), only in the second, or different in both."""

    name: str
    old: str | None
    new: str | None


class FileChange(Change):
    """A file or a module of one owner; `old` and `new` are its SHA-256."""

    owner: str
    kind: Literal["file", "module"]


class Sides(TypedDict):
    """What is different in both artifacts."""

    old: str
    new: str


class Sizes(TypedDict):
    """The sizes of both artifacts in bytes."""

    old: int
    new: int


class Difference(TypedDict):
    """What `onebin diff --json` prints; `manifest` and `lock` are lines of a unified diff."""

    schema: Literal[1]
    same: bool
    bytes: Sides | None
    size: Sizes | None
    name: Sides | None
    layout: Sides | None
    host: Sides | None
    onebin: Sides | None
    interpreter: Sides | None
    libc: Sides | None
    side_cars: Sides | None
    plugins: list[Change]
    distributions: list[Change]
    toolchain: list[Change]
    files: list[FileChange]
    manifest: list[str]
    lock: list[str]


def diff(old: Path, new: Path) -> Difference:
    """Return what differs between two artifacts, files or folders; neither is run. Raises ArtifactError."""
    sides = [inspect(place.absolute()) for place in (old, new)]
    digests = [digest(each) for each in sides]
    return compare(sides[0].as_json(), sides[1].as_json(), sha256=(digests[0], digests[1]))


def compare(old: Report, new: Report, *, sha256: tuple[str, str]) -> Difference:
    """Return the differences between two artifacts, by their reports and the SHA-256 of their files."""
    found: Difference = {
        "schema": 1,
        "same": sha256[0] == sha256[1],
        "bytes": sides(*sha256),
        "size": None if old["size"] == new["size"] else {"old": old["size"], "new": new["size"]},
        "name": sides(old["name"], new["name"]),
        "layout": sides(old["layout"], new["layout"]),
        "host": sides(_host(old), _host(new)),
        "onebin": sides(old["onebin"], new["onebin"]),
        "interpreter": sides(" ".join(_python(old)), " ".join(_python(new))),
        "libc": sides(_libc(old), _libc(new)),
        "side_cars": sides(_side_cars(old), _side_cars(new)),
        "plugins": changes(_plugins(old), _plugins(new)),
        "distributions": changes(_distributions(old), _distributions(new)),
        "toolchain": changes(*({each["name"]: each["version"] for each in side["toolchain"]} for side in (old, new))),
        "files": changed_files(old, new),
        "manifest": _lines(old["manifest"], new["manifest"]),
        "lock": _lines(old["lock"], new["lock"]),
    }
    # An executable in a folder may be the same while a file beside it is not.
    return {**found, "same": not any(value for key, value in found.items() if key not in {"schema", "same"})}


def sides(old: str, new: str) -> Sides | None:
    """Return both if they are not the same."""
    return None if old == new else {"old": old, "new": new}


def changes(old: Mapping[str, str], new: Mapping[str, str]) -> list[Change]:
    """Return what was added, removed or changed, by name."""
    names = sorted({*old, *new}, key=lambda name: (name.lower(), name))
    return [
        {"name": name, "old": old.get(name), "new": new.get(name)} for name in names if old.get(name) != new.get(name)
    ]


def _host(report: Report) -> str:
    host = report["host"]
    return f"{host['name']} {host['version']} ({host['entry']})"


def _python(report: Report) -> Sequence[str]:
    python = report["interpreter"]
    return python["implementation"], python["version"], python["platform"]


def _libc(report: Report) -> str:
    return f"{report['libc']['kind']} {report['libc']['glibc'] or ''}".strip()


def _side_cars(report: Report) -> str:
    """Return in one line which side-cars the artifact takes."""
    found = report["side_cars"]
    if found is None:
        return "none"
    return ", ".join(
        (
            f"from {found['directory']}",
            f"load {found['load']}",
            *(["isolated"] if found["isolate"] else []),
            *(f"key {name}{' (development)' * (name == found['development'])}" for name in found["keys"]),
            *(f"revocation key {name}" for name in found["revocation_keys"]),
            *(f"{name} from {number}" for name, number in found["minimum"].items()),
        )
    )


def _plugins(report: Report) -> dict[str, str]:
    """Return a description of each plugin: its distribution's name and version, and what it registers or imports."""
    described = {}
    for plugin in report["plugins"]:
        points = [f"{group}:{name}={value}" for group, name, value in sorted(plugin["entry_points"])]
        same_name = canonicalize_name(plugin["name"]) == canonicalize_name(plugin["distribution"])
        release = plugin["version"] if same_name else f"{plugin['distribution']} {plugin['version']}"
        described[plugin["name"]] = " ".join([release, *(points or plugin["modules"])])
    return described


def _distributions(report: Report) -> dict[str, str]:
    """Return the version of each distribution, with the digests of its archive if they are known."""
    return {
        each["name"]: " ".join([each["version"], *(f"sha256:{digest}" for digest in each["sha256"])])
        for each in report["distributions"]
    }


def changed_files(old: ContentFacts, new: ContentFacts) -> list[FileChange]:
    """Return the files and modules that were added, removed or changed, by owner and name."""
    sides = [_contents(old), _contents(new)]
    owners = {**sides[0], **sides[1]}
    changed: list[FileChange] = []
    for key, (owner, _) in owners.items():
        before, after = (side[key][1] if key in side else None for side in sides)
        if before != after:
            kind, name = key
            changed.append({"name": name, "old": before, "new": after, "owner": owner, "kind": kind})
    return sorted(changed, key=lambda row: (row["owner"], row["kind"], row["name"]))


def _contents(report: ContentFacts) -> dict[tuple[Literal["file", "module"], str], tuple[str, str]]:
    """Return owner and digest of each file and module, by a name that is the same in every layout."""
    found: dict[tuple[Literal["file", "module"], str], tuple[str, str]] = {}
    for file in report["files"]:
        found["file", file["path"]] = file["owner"], file["sha256"]
    for module in report["modules"]:
        found["module", module["name"]] = module["owner"], module["sha256"]
    if report["launcher"]:
        found["file", "launcher"] = "launcher", report["launcher"]["sha256"]
    return found


def _lines(old: str, new: str) -> list[str]:
    """Return the lines of a unified diff without its heading, with one line of context around each change."""
    sides = old.splitlines(), new.splitlines()
    if old != new and (max(map(len, sides)) > _MOST_LINES or _pairs(*sides) > _MOST_PAIRS):
        return [f"@@ -1,{len(sides[0])} +1,{len(sides[1])} @@ too long to compare line by line"]
    return list(difflib.unified_diff(*sides, lineterm="", n=1))[2:]


def _pairs(old: Sequence[str], new: Sequence[str]) -> int:
    """Return how many pairs of equal lines difflib looks at each time: it ignores lines that are everywhere."""
    counts = Counter(old), Counter(new)
    everywhere = max(200, len(new)) // 100 + 1
    return sum(number * counts[1][line] for line, number in counts[0].items() if counts[1][line] <= everywhere)


def schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a difference."""
    return schema_of(TypeAdapter(Difference))


if __name__ == "__main__":
    sys.stdout.write(json.dumps(schema(), indent=2) + "\n")

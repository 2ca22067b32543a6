"""What `onebin inspect` shows of an artifact: a summary, and one view for each question."""

from __future__ import annotations

from collections import Counter
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import onebin
from onebin.cli.page import faint, field, heading, one_line, table, width
from onebin.cli.report import plain
from onebin.system import canonical_name, count, megabytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from onebin import AcceptedSideCars, LibcFacts, MacosFacts, PluginFacts, Report

_SHOWN_LICENCES = 4
_LAYOUTS = {
    "cached": "one file, which unpacks itself once",
    "onefile": "one file, which unpacks itself at each start",
    "onedir": "a folder",
}


def summary(report: Report) -> list[str]:
    """Return an artifact's main facts, in about twenty lines."""
    host, python = report["host"], report["interpreter"]
    tools = [each for each in report["toolchain"] if each["name"].startswith("pyinstaller")]
    built = [f"onebin {report['onebin']}", *(f"{each['name']} {each['version']}" for each in tools)]
    parts = [
        count(len(report["distributions"]), "distribution"),
        f"{len(report['files']):,} {'file' if len(report['files']) == 1 else 'files'}",
        f"{len(report['modules']):,} compiled modules",
    ]
    plugins = [(each["name"], each["version"], groups(each)) for each in report["plugins"]]
    return [
        heading(f"{report['name']}: {host['name']} {host['version']} ({host['entry']}), {megabytes(report['size'])}"),
        field("interpreter", f"{python['implementation']} {python['version']}, {python['platform']}"),
        *([field("system", _macos(report["macos"]))] if "macos" in report else []),
        field("C library", _c_library(report["libc"])),
        field("layout", _LAYOUTS[report["layout"]]),
        field("verified", report["verified"]["artifact"] or "not run: structure checked"),
        field("holds", ", ".join(parts)),
        field("licences", _licences_in_short(report)),
        field("lock", f"sha256:{report['lock_sha256'][:12]}; --lock prints it"),
        *_side_cars(report["side_cars"]),
        field("built with", ", ".join(built)),
        field("plugins", str(len(plugins))),
        *table(plugins, indent=4),
    ]


def files(report: Report) -> list[str]:
    """Return every file and module, by owner."""
    owned: dict[str, list[tuple[int, str]]] = {}
    for file in report["files"]:
        link = f" -> {file['link']}" if "link" in file else ""
        owned.setdefault(file["owner"], []).append((file["bytes"], file["path"] + link))
    for module in report["modules"]:
        owned.setdefault(module["owner"], []).append((module["bytes"], f"{module['name']} (module)"))
    lines = []
    for owner, rows in sorted(owned.items()):
        total = f"{len(rows):,} files and modules, {megabytes(sum(size for size, _ in rows))}"
        lines += ["", heading(f"{titles(report).get(owner, owner)}: {total}")]
        lines += [f"{size:>14,}  {one_line(name)}" for size, name in rows]
    return lines[1:]


def licences(report: Report) -> list[str]:
    """Return each distribution with its licences, and the names of the files that hold them."""
    rows = [
        (f"{each['name']} {each['version']}", ", ".join(each["licences"]) or "not stated")
        for each in report["distributions"]
    ]
    lines = table([*rows, *onebin.other_licences(report)], indent=0)
    for number, each in reversed(list(enumerate(report["distributions"]))):
        lines[number + 1 : number + 1] = [faint(f"    {name}") for name in each["licence_files"]]
    return lines


_NAME_WIDTH = 44


def sizes(report: Report) -> list[str]:
    """Return a table of how many bytes each owner takes, the largest first, at most 80 columns wide."""
    rows = sorted(report["sizes"], key=lambda row: (-row["in_file"], -row["bytes"], row["owner"]))
    card = report["size"] - sum(row["in_file"] for row in rows)
    shown = [(row["owner"], row["files"], row["bytes"], row["in_file"]) for row in rows]
    if card > 0 and report["launcher"] is not None:
        shown.append(("card", 1, card, card))
    total = ("all", sum(row[1] for row in shown), sum(row[2] for row in shown), sum(row[3] for row in shown))
    lines = [
        f"{one_line(name)[:_NAME_WIDTH]:<{_NAME_WIDTH}}{files:>8}{raw:>14,}{own:>14,}"
        for name, files, raw, own in (*shown, total)
    ]
    title = f"{one_line(report['name'])[:_NAME_WIDTH]:<{_NAME_WIDTH}}{'files':>8}{'bytes':>14}{'in the file':>14}"
    return [heading(title), *lines[:-1], "-" * len(title), lines[-1]]


def lock(report: Report) -> list[str]:
    """Return the lock's text."""
    return plain(report["lock"]).splitlines()


def manifest(report: Report) -> list[str]:
    """Return the manifest's text."""
    return plain(report["manifest"]).splitlines()


def titles(report: Report) -> dict[str, str]:
    """Return what an owner is called: a distribution by its own name and version."""
    return {canonical_name(each["name"]): f"{each['name']} {each['version']}" for each in report["distributions"]}


def groups(plugin: PluginFacts) -> str:
    """Return what a plugin contributes, by extension point."""
    found: dict[str, list[str]] = {}
    for group, name, _ in plugin["entry_points"]:
        found.setdefault(group, []).append(name)
    return "; ".join(f"{group}: {', '.join(names)}" for group, names in found.items()) or ", ".join(plugin["modules"])


def _c_library(libc: LibcFacts) -> str:
    """Return in one line which C library the artifact needs."""
    if libc["kind"] == "bundled":
        return "its own"
    if libc["glibc"] is None:
        return "the machine's"
    return f"glibc {libc['glibc']} or newer, for {_some([need['file'] for need in libc['because']])}"


def _macos(needed: MacosFacts) -> str:
    """Return in one line which macOS the artifact needs."""
    return f"macOS {needed['oldest']} or newer, for {_some(needed['because'])}"


def _some(places: Sequence[str]) -> str:
    """Return the name of the first of some files, and how many there are beyond it."""
    names = [PurePosixPath(place).name for place in places]
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return f"{''.join(names[:1])}{more}"


def _side_cars(taken: AcceptedSideCars | None) -> list[str]:
    """Return which side-cars the artifact takes, if any, each key in a line of its own."""
    if taken is None:
        return []
    when = "at each start" if taken["load"] == "start" else "at each start and while it runs"
    own = ", each in a process of its own" if taken["isolate"] else ""
    development = taken["development"]
    more = [
        *(f"signed by {name}" for name in taken["keys"] if name != development),
        *(f"revoked by {name}" for name in taken["revocation_keys"]),
        *(f"{name} from sequence number {number}" for name, number in taken["minimum"].items()),
    ]
    if development is not None:
        more.append(f"development build: accepts side-cars signed by the development key {development}")
    return [field("side-cars", f"from {taken['directory']}, {when}{own}"), *(field("", line) for line in more)]


def _licences_in_short(report: Report) -> str:
    """Return the licences that most distributions have, and how many others there are."""
    found = Counter(_in_short(each["licences"]) for each in report["distributions"]).most_common()
    named = [f"{number} {name}" for name, number in found[:_SHOWN_LICENCES]]
    others = sum(number for _, number in found[_SHOWN_LICENCES:])
    return ", ".join([*named, *([count(others, "other")] if others else [])])


def _in_short(names: Iterable[str]) -> str:
    text = ", ".join(names) or "not stated"
    return text if len(text) <= width() // 3 else f"{text[: width() // 3 - 3]}..."

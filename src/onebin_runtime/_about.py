"""Say what this program is made of, if its first argument is the option that the manifest has chosen for that."""

from __future__ import annotations

import json
import os
import sys

from onebin_runtime._api import describe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any


def main(option: str, arguments: Sequence[str]) -> int:
    """Print the facts as text, or with --json as JSON (the keys of `describe`, and the file's `sha256`).

    Returns the exit code: 2, and the usage on standard error, for other arguments.
    """
    if list(arguments) not in ([], ["--json"]):
        sys.stderr.write(f"usage: {os.path.basename(sys.argv[0])} {option} [--json]\n")  # noqa: PTH119  # cheaper than pathlib
        return 2
    facts = {**describe(), "sha256": _digest()}
    try:
        sys.stdout.write(json.dumps(facts, indent=2) + "\n" if arguments else "".join(map(_line, _lines(facts))))
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the interpreter flushes once more
    return 0


def _lines(facts: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the lines, each with its label."""
    host, python = facts["host"], facts["interpreter"]
    yield "program", f"{facts['name']}, of {host['name']} {host['version']}"
    for label, plugin in zip(_labels("plugins"), facts["plugins"]):  # noqa: B905  # the labels never end, and Python 3.10
        groups = sorted({group for group, _, _ in plugin["entry_points"]}) or plugin["modules"]
        yield label, f"{plugin['name']} {plugin['version']}  ({', '.join(groups)})"
    for label, found in zip(_labels("side-cars"), (facts.get("side_cars") or {}).get("found", ())):  # noqa: B905  # as above
        title = f"{found['name']} {found['version']}" if found["name"] else os.path.basename(found["file"])  # noqa: PTH119  # cheaper than pathlib
        yield label, f"{title}  ({found['state']}{f': {reason}' if (reason := found['reason']) else ''})"
    yield "python", f"{python['implementation']} {python['version']} for {python['platform']}"
    yield "packages", str(len(facts["distributions"]))
    yield "onebin", facts["onebin"]
    yield "lock", f"sha256:{facts['lock_sha256']}"
    if facts["sha256"] is not None:
        yield "file", f"sha256:{facts['sha256']}"


def _labels(first: str) -> Iterator[str]:
    yield first
    while True:
        yield ""


def _line(row: tuple[str, str]) -> str:
    text = f"{row[0]:<10}{row[1]}"
    return "".join(char if char.isprintable() else "?" for char in text).rstrip() + "\n"


def _digest() -> str | None:
    """Return the SHA-256 of the artifact's file; None if the program is not one file, or if it cannot be read."""
    import hashlib

    file = sys.executable if getattr(sys, "frozen", False) else sys.argv[0]
    digest = hashlib.sha256()
    try:
        with open(file, "rb") as stream:  # noqa: PTH123  # cheaper than pathlib
            while block := stream.read(1 << 20):
                digest.update(block)
    except OSError:
        return None
    return digest.hexdigest()

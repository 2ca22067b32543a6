"""Follow a document word by word: write the files that it shows, and run its commands.

A fenced block with a title is a file: `title="PATH"`, or `title="PATH (at the end)"` for what is added to one. In
blocks of the kind `console`, lines that start with "$ " are commands, and the lines below are what they print: "..."
stands for anything within a line, and alone on a line for any lines.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .processes import run

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_BLOCK = re.compile(r'^```(?P<kind>\w+)(?: title="(?P<title>[^"]+)")?\n(?P<text>.*?)^```$', re.DOTALL | re.MULTILINE)
_AT_THE_END = " (at the end)"
_SECONDS = 300


@dataclass(frozen=True, kw_only=True)
class Command:
    """A command of a document, and what it prints there."""

    line: str
    output: str

    def has_printed(self, text: str) -> bool:
        """Return whether a text is what the document shows."""
        lines = (r"(?:.*\n)*?" if line == "..." else f"{_pattern(line)}\n" for line in self.output.splitlines())
        return re.fullmatch("".join(lines), text) is not None


def _pattern(line: str) -> str:
    return ".*".join(map(re.escape, line.split("...")))


def commands(block: str) -> Iterator[Command]:
    """Yield the commands of a block of the kind `console`."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        line, _, output = part.partition("\n")
        yield Command(line=line, output=output)


def follow(document: Path, folder: Path, env: Mapping[str, str]) -> int:
    """Do in a folder what a document says, and return how many commands were run; fails with the first difference."""
    count, here = 0, folder
    path = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"
    for block in _BLOCK.finditer(document.read_text("utf-8")):
        if block["title"]:
            file = folder / block["title"].removesuffix(_AT_THE_END)
            file.parent.mkdir(parents=True, exist_ok=True)
            before = file.read_text("utf-8") + "\n" if block["title"].endswith(_AT_THE_END) else ""
            file.write_text(before + block["text"], "utf-8")
        elif block["kind"] == "console":
            for command in commands(block["text"]):
                if command.line.startswith("cd "):
                    here /= command.line.removeprefix("cd ")
                    continue
                done = run(
                    ["sh", "-c", f"{{ {command.line}\n}} 2>&1"], cwd=here, env={**env, "PATH": path}, seconds=_SECONDS
                )
                assert command.has_printed(done.out), f"$ {command.line}\n{done.out}\ninstead of:\n{command.output}"
                count += 1
    return count

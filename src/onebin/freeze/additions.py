"""Add to a tree what makes it run: the interpreter's executable, the C library, and what to rewrite in each place.

An installation has to know where it is. When the launcher has unpacked a tree, it rewrites what `relocate` lists:

    PATH <tab> OFFSET <tab> SIZE <tab> TEXT

The text, with the tree's path in place of "@", replaces that many bytes of the file; what is left of them becomes zero.
If the size is 0, it is the last line of the file. If a text is too long, the bytes stay as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from onebin.launcher import starter as starters
from onebin.tree import CONFIGURATION, RELOCATIONS, SHARED_LIBRARIES, Places, installation

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from onebin.check import Plan

_HERE = "@"


def add(starter: Path, plan: Plan, source_dir: Path) -> dict[str, Path]:
    """Return the files to add to a tree, by place; writes into `source_dir` what is generated. Raises OSError."""
    places = Places(minor=plan.interpreter.minor)
    added = {places.interpreter: starter}
    if plan.libc is not None:
        found = [file for file in installation(plan).files.values() if _may_need_libraries(file)]
        added |= {f"{SHARED_LIBRARIES}/{name}": file for name, file in plan.libc.needed_by(found).items()}
    tree = source_dir / "tree"
    configuration = (tree / CONFIGURATION).read_bytes()
    start = configuration.rindex(b"\nhome = ") + 1
    lines = [
        _line(CONFIGURATION, start, 0, f"home = {_HERE}/python/bin"),
        *_of_starter(starter, plan, places),
    ]
    (tree / RELOCATIONS).write_text("".join(lines), "utf-8")
    for file in tree.glob("bin/*"):
        file.chmod(0o755)
    return added


def _of_starter(starter: Path, plan: Plan, places: Places) -> Iterator[str]:
    """Yield the lines for the executable: where it finds libraries and, with a bundled C library, its loader."""
    libraries, loader = starters.relocatable(starter)
    yield _line(places.interpreter, libraries.offset, libraries.size, f"{_HERE}/{SHARED_LIBRARIES}")
    if plan.libc is not None:
        text = f"{_HERE}/{SHARED_LIBRARIES}/{plan.libc.loader.name}"
        yield _line(places.interpreter, loader.offset, loader.size, text)


def _line(place: str, offset: int, size: int, text: str) -> str:
    return f"{place}\t{offset}\t{size}\t{text}\n"


def _may_need_libraries(file: Path) -> bool:
    return ".so" in file.name or bool(file.stat().st_mode & 0o100)

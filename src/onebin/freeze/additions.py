"""Add to a tree what makes it run: the interpreter's executable, the C library, and what to rewrite in each place.

An installation has to know where it is. When the launcher has unpacked a tree, it rewrites what `relocate` lists:

    PATH <tab> OFFSET <tab> SIZE <tab> TEXT

The text, with the tree's path in place of "@", replaces that many bytes of the file; what is left of them becomes zero.
If the size is 0, it is the last line of the file. If a text is too long, the bytes stay as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from onebin import launcher
from onebin.freeze import binaries
from onebin.launcher import starter as starters
from onebin.survey import SCRIPT_GROUPS
from onebin.tree import CONFIGURATION, RELOCATIONS, WindowsPlaces, installation

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from onebin.check import Plan
    from onebin.target import Libc
    from onebin.tree import Installation, Places

_HERE = "@"
_WINDOWED = "pythonw.exe"
_GRAPHICAL = "gui_scripts"


def add(starter: Path, plan: Plan, source_dir: Path) -> dict[str, Path]:
    """Return the files to add to a tree, by place, or to put there instead of those of the installation.

    Writes into `source_dir` and beside it what is new. Raises FreezeError and OSError.
    """
    installed = installation(plan)
    places = installed.places
    libraries = {f"{places.shared_libraries}/{name}": file for name, file in plan.libraries.items()}
    programs = _programs(starter, plan, installed, source_dir) if isinstance(places, WindowsPlaces) else {}
    adapted = binaries.adapt(plan, installed, source_dir.with_name(binaries.ADAPTED), libraries, programs)
    added = {places.interpreter: starter, **libraries, **adapted.files, **programs}
    if isinstance(places, WindowsPlaces):
        for file in sorted(plan.interpreter.executable.parent.glob("*.dll")):
            added[f"{places.shared_libraries}/{file.name}"] = file
    if plan.libc is not None:
        found = [file for file in installed.files.values() if binaries.may_be_binary(file)]
        added |= {f"{places.shared_libraries}/{name}": file for name, file in plan.libc.needed_by(found).items()}
    tree = source_dir / "tree"
    configuration = (tree / CONFIGURATION).read_bytes()
    start = configuration.rindex(b"\nhome = ") + 1
    lines = [
        _line(CONFIGURATION, start, 0, f"home = {_HERE}{_separator(places)}{places.home}"),
        *(_of_starter(starter, plan, places) if _is_for_linux(plan) else ()),
        *(_loader(place, *region, places, plan.libc) for place, region in adapted.loaders.items() if plan.libc),
    ]
    (tree / RELOCATIONS).write_text("".join(lines), "utf-8")
    for file in tree.glob(f"{places.programs}/*"):
        file.chmod(0o755)
    return added


def _is_for_linux(plan: Plan) -> bool:
    """Whether programs name their libraries' folder in a form that can be written into them where they are unpacked.

    Those for Windows and macOS find it from where they are; a change would make the signature of the latter wrong.
    """
    return plan.interpreter.target is not None and plan.interpreter.target.system == "linux"


def _programs(starter: Path, plan: Plan, installed: Installation, source_dir: Path) -> dict[str, Path]:
    """Return the programs for Windows that are copies of the starter, by place: interpreters, and those of scripts.

    A script's program runs the text of its name beside it. As installers do, each entry point that is a script gets
    one, unless a wheel has it itself; a graphical script's, as `pythonw.exe`, is one that gets no console.
    """
    folder = installed.places.programs
    windowed = source_dir.with_name(_WINDOWED)
    windowed.write_bytes(launcher.windowed(starter.read_bytes()))
    windowed.chmod(0o755)
    found = {f"{folder}/{installed.places.executable}": starter, f"{folder}/{_WINDOWED}": windowed}
    points = [point for each in plan.survey.distributions.values() for point in each.entry_points]
    named = [(f"{folder}/{point.name}", point.group) for point in points if point.group in SCRIPT_GROUPS]
    scripts = {
        place: windowed if group == _GRAPHICAL else starter for place, group in named if place in installed.files
    }
    if plan.manifest.host.entry is not None:
        scripts[installed.script] = starter
    return found | {f"{place}.exe": file for place, file in scripts.items() if f"{place}.exe" not in installed.files}


def _separator(places: Places) -> str:
    return "\\" if isinstance(places, WindowsPlaces) else "/"


def _of_starter(starter: Path, plan: Plan, places: Places) -> Iterator[str]:
    """Yield the lines for the executable: where it finds libraries and, with a bundled C library, its loader."""
    libraries, loader = starters.relocatable(starter)
    yield _line(places.interpreter, libraries.offset, libraries.size, f"{_HERE}/{places.shared_libraries}")
    if plan.libc is not None:
        yield _loader(places.interpreter, loader.offset, loader.size, places, plan.libc)


def _loader(place: str, offset: int, size: int, places: Places, libc: Libc) -> str:
    return _line(place, offset, size, f"{_HERE}/{places.shared_libraries}/{libc.loader.name}")


def _line(place: str, offset: int, size: int, text: str) -> str:
    return f"{place}\t{offset}\t{size}\t{text}\n"

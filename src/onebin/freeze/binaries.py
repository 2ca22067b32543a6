"""Let the programs and libraries of distributions find the shared libraries of the tree.

As installed, two kinds of file for Linux look only for those of the system. The tree gets changed copies of them, and a
RECORD with the digests of the copies; `macos` says what is changed for macOS:

- A program has its own search path and its own dynamic loader. With a bundled C library it must use the tree's.
- A library with DT_RUNPATH ignores the search path of the program that loads it (System V ABI; ld.so(8)). DT_RPATH with
  the same folders does not.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from onebin.errors import FreezeError, ProcessError
from onebin.freeze import macos
from onebin.launcher.starter import RESERVED
from onebin.target import is_of_glibc, loader_region, patch_elf, read_elf
from onebin.tree import Places, WindowsPlaces

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from onebin.check import Plan
    from onebin.target import Elf
    from onebin.tree import Installation

ADAPTED = "adapted"  # the folder beside the source that has the copies


@dataclass(frozen=True, kw_only=True)
class Adapted:
    """Changed copies of files by place, and where the programs among them name their loader: offset and size."""

    files: dict[str, Path] = field(default_factory=dict)
    loaders: dict[str, tuple[int, int]] = field(default_factory=dict)


def adapt(
    plan: Plan, installed: Installation, folder: Path, libraries: Mapping[str, Path], programs: Mapping[str, Path]
) -> Adapted:
    """Write the changed copies into a folder; raises FreezeError and OSError.

    `libraries` are those from outside of the environment, by place, `programs` those that are made for its scripts.
    """
    target = plan.interpreter.target
    if target is not None and target.system == "macos":
        files = {**installed.files, **libraries}
        changed = macos.changed_copies(files, target.machine, installed.places, stage=plan.stage.directory)
        adapted = Adapted(files={place: _copy_of(files[place], content, folder, place) for place, content in changed})
    else:
        adapted = _adapt_elf(plan, installed, folder)
    for place, text in list(_records(installed, adapted.files, programs)):
        record = _place_in(folder, place)
        record.write_text(text, "utf-8", newline="")
        adapted.files[place] = record
    return adapted


def _copy_of(file: Path, content: bytes, folder: Path, place: str) -> Path:
    copy = _place_in(folder, place)
    copy.write_bytes(content)
    copy.chmod(_mode_of(file))
    return copy


def _mode_of(file: Path) -> int:
    return 0o755 if file.stat().st_mode & 0o100 else 0o644


def _adapt_elf(plan: Plan, installed: Installation, folder: Path) -> Adapted:
    own = {file for place, file in installed.files.items() if file.is_relative_to(plan.stage.directory)}
    names = {file.name for file in own}
    adapted = Adapted()
    for place, file in installed.files.items():
        facts = read_elf(file) if file in own and may_be_binary(file) else None
        foreign = [] if facts is None else [name for name in facts.libraries if _is_foreign(name, names, plan)]
        if facts is not None and foreign and (facts.loader or facts.search_path):
            copy = _place_in(folder, place)
            shutil.copyfile(file, copy)
            copy.chmod(_mode_of(file))
            _patch(copy, *_options(place, facts, plan))
            adapted.files[place] = copy
            if plan.libc is not None and facts.loader:
                adapted.loaders[place] = loader_region(copy)
    return adapted


def may_be_binary(file: Path) -> bool:
    """Return whether the name or the mode of a file is that of a program or a shared library."""
    return ".so" in file.name or bool(file.stat().st_mode & 0o100)


def _place_in(folder: Path, place: str) -> Path:
    file = folder / place
    file.parent.mkdir(parents=True, exist_ok=True)
    return file


def _is_foreign(library: str, names: set[str], plan: Plan) -> bool:
    """Return whether a library comes from outside the environment, and does not stay the system's."""
    return library not in names and (plan.libc is not None or not is_of_glibc(library))


def _options(place: str, facts: Elf, plan: Plan) -> Iterator[str]:
    """Yield the tool's options for one file."""
    yield "--force-rpath"
    if facts.loader is None:
        yield from ("--set-rpath", facts.search_path or "")
        return
    up = "/".join(".." for _ in PurePosixPath(place).parent.parts)
    yield from ("--add-rpath", f"$ORIGIN/{up}/{Places(minor='').shared_libraries}")
    if plan.libc is not None:
        # The launcher writes the real path here. Slashes before a path do not change it.
        yield from ("--set-interpreter", facts.loader.rjust(RESERVED - 1, "/"))


def _patch(file: Path, *options: str) -> None:
    try:
        patch_elf(file, *options)
    except ProcessError as error:
        raise FreezeError(
            f"{file.name} cannot be changed to use the libraries of the artifact: {error.tail}",
            'leave out the distribution that has it, or set [freeze] layout = "onefile"',
        ) from error


def _records(
    installed: Installation, copies: Mapping[str, Path], programs: Mapping[str, Path]
) -> Iterator[tuple[str, str]]:
    """Yield each RECORD that names a changed file, by place, with the new digests and sizes.

    As installers do for Windows, the program of a script has a row below that of the script.
    """
    for place, file in installed.files.items():
        is_moved = isinstance(installed.places, WindowsPlaces)
        if not (copies or is_moved) or not place.endswith(".dist-info/RECORD"):
            continue
        rows = list(csv.reader(file.read_text("utf-8").splitlines()))
        places = [installed.places.of_installed(row[0]) if row else None for row in rows]
        moved = dict(_moved(rows, places, installed.places))
        for number, recorded in moved.items():
            rows[number][0] = recorded
        changed = {number: copies[each] for number, each in enumerate(places) if each and each in copies}
        for number, copy in changed.items():
            rows[number][1:] = _recorded(copy)
        started = {number: programs[f"{each}.exe"] for number, each in enumerate(places) if f"{each}.exe" in programs}
        for number, program in sorted(started.items(), reverse=True):
            rows.insert(number + 1, [f"{rows[number][0]}.exe", *_recorded(program)])
        if changed or moved or started:
            text = io.StringIO()
            csv.writer(text, lineterminator="\n").writerows(rows)
            yield place, text.getvalue()


def _recorded(file: Path) -> list[str]:
    """Return the digest and the size of a file as RECORD has them."""
    content = file.read_bytes()
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
    return [f"sha256={digest}", str(len(content))]


def _moved(rows: Sequence[Sequence[str]], placed: Sequence[str | None], places: Places) -> Iterator[tuple[int, str]]:
    """Yield the number of each row of a RECORD whose file is elsewhere in a tree for Windows, with its path there."""
    for number, (row, place) in enumerate(zip(rows, placed, strict=True)):
        if place is not None and isinstance(places, WindowsPlaces):
            recorded = os.path.relpath(place, places.site_packages).replace(os.sep, "/")
            if recorded != row[0]:
                yield number, recorded

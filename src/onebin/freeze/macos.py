"""Let programs and libraries for macOS find the libraries of the tree, and sign what was changed in them.

As installed, some name a library by its path on the machine that built it. The tree gets a copy of such a file, which
names the library where the tree has it; a copy of a file for two processors has only one of them. Folders of other
machines are removed from the files of the interpreter: on this machine, anyone may own a folder of that name. Whatever
has no valid signature is signed, as macOS on Apple's processors loads nothing else. All other files stay as they are.
"""

from __future__ import annotations

import io
import posixpath
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from onebin.errors import FreezeError
from onebin.macho import (
    MachOError,
    change_names,
    check_signature,
    is_of_system,
    may_be_macho,
    names_of,
    pad,
    part_for,
    sign,
    unsign,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from onebin.macho import Names
    from onebin.tree import Places

_RELATIVE = ("@rpath/", "@loader_path/", "@executable_path/")


def changed_copies(
    files: Mapping[str, Path], machine: str, places: Places, *, stage: Path
) -> Iterator[tuple[str, bytes]]:
    """Yield the place and the new content of each file that has to be another one in a tree.

    `files` are those of a tree by place, `stage` is the folder that has those of distributions. Raises FreezeError if a
    file cannot be changed, and OSError.
    """
    named = {PurePosixPath(place).name: place for place in sorted(files, reverse=True)}
    for place, file in sorted(files.items()):
        with file.open("rb") as stream:
            if not may_be_macho(stream.read(4)):
                continue
            stream.seek(0)
            content = stream.read()
        try:
            changed = _changed(content, machine, place, named, places, is_own=file.is_relative_to(stage))
        except MachOError as error:
            raise FreezeError(
                f"{place} cannot be changed for macOS: {error}", "lock another version of the distribution that has it"
            ) from error
        if changed is not None:
            yield place, changed


def _changed(
    content: bytes, machine: str, place: str, named: Mapping[str, str], places: Places, *, is_own: bool
) -> bytes | None:
    part = part_for(content, machine)
    if part is None:
        return None  # data: whether it is for the platform was checked before
    stream = io.BytesIO(part)
    names = names_of(stream)
    libraries = dict(_renamed(names, place, named, places))
    foreign = [] if is_own else [folder for folder in names.folders if folder.startswith("/")]
    if not libraries and not foreign and _is_well_signed(stream):
        return None
    change_names(stream, libraries, foreign)
    unsign(stream)
    pad(stream)
    sign(stream, PurePosixPath(place).name)
    return stream.getvalue()


def _is_well_signed(stream: io.BytesIO) -> bool:
    try:
        check_signature(stream)
    except MachOError:
        return False
    return True


def _renamed(names: Names, place: str, named: Mapping[str, str], places: Places) -> Iterator[tuple[str, str]]:
    """Yield the libraries that a file names by a path of another machine, and their names in the tree."""
    for wanted in names.libraries:
        there = named.get(PurePosixPath(wanted).name)
        if there is None or is_of_system(wanted) or wanted.startswith(_RELATIVE):
            continue
        folder = posixpath.dirname(there)
        is_shared = folder == places.shared_libraries  # where the interpreter looks
        yield (
            wanted,
            f"@rpath/{posixpath.basename(there)}"
            if is_shared
            else f"@loader_path/{posixpath.relpath(there, posixpath.dirname(place))}",
        )

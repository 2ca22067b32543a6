"""Give an installation the form that the rest of onebin knows, as a copy in the cache, where it has another one.

The embeddable package for Windows has its standard library as compiled code in a zip file, and all else in one folder;
it gets the folders Lib and DLLs of an ordinary installation. The root directory of another system has links that begin
with "/" and mean its own files; they become relative.
"""

from __future__ import annotations

import re
import shutil
import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING

from onebin.python.foreign.archives import relative_link
from onebin.python.foreign.installation import files_of, state_of
from onebin.system import sha256_of, tell

if TYPE_CHECKING:
    from pathlib import Path

    from onebin.cache import Cache
    from onebin.python.foreign.places import Place

_KIND = "foreign-interpreters"
_FORMAT = 1
_BESIDE_PROGRAM = re.compile(r"(?:python|vcruntime)[\d_]*t?\.dll|.*\.(?:exe|txt|cat)", re.IGNORECASE)


def normal(place: Place, cache: Cache) -> Place:
    """Return an installation in the form that the rest of onebin knows; raises OSError."""
    library = _zipped_library(place)
    if library is None and not any(
        file.is_symlink() and file.readlink().is_absolute() for _, file in files_of(place.root)
    ):
        return place

    def make(entry: Path) -> None:
        tell(f"copying {place.root}")
        if library is None:
            _copy_root(place.root, entry)
        else:
            _copy_embeddable(place.prefix, library, entry)
        tell("")

    root = cache.ensure(_KIND, sha256_of([_FORMAT, "normal", str(place.root), state_of(place.root)]), make)
    return replace(
        place,
        executable=root / place.executable.relative_to(place.root),
        prefix=root / place.prefix.relative_to(place.root),
        root=root,
    )


def _zipped_library(place: Place) -> Path | None:
    file = place.prefix / f"python{place.minor.replace('.', '')}{place.abiflags}.zip"
    return file if place.is_windows and file.is_file() and not (place.prefix / "Lib").is_dir() else None


def _copy_embeddable(prefix: Path, library: Path, entry: Path) -> None:
    """Copy an embeddable package; without its ._pth file, Python looks for its library in the usual folders."""
    with zipfile.ZipFile(library) as zipped:
        zipped.extractall(entry / "Lib")  # zipfile removes parts that would leave the directory
    (entry / "DLLs").mkdir()
    for file in sorted(prefix.iterdir()):
        if file.is_file() and file != library and not file.name.endswith("._pth"):
            shutil.copy2(file, (entry if _BESIDE_PROGRAM.fullmatch(file.name) else entry / "DLLs") / file.name)


def _copy_root(root: Path, entry: Path) -> None:
    """Copy a root directory, with links that are relative."""
    for name, file in files_of(root):
        copy = entry / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        if not file.is_symlink():
            shutil.copy2(file, copy)
        elif (target := file.readlink()).is_absolute():
            copy.symlink_to(relative_link(name, target.as_posix()))
        else:
            copy.symlink_to(target)

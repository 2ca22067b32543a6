"""Sort the files of a distribution by what they are for: modules, data, metadata and programs.

The files are those that RECORD names (packaging specification "Recording installed projects"). Nothing is imported.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_EXTENSION_MODULE = re.compile(r"(?:\.cpython-[^.]+|\.abi3|\.cp\d+[^.]*)?\.(?:so|pyd)$")
_NEVER_DATA = re.compile(r"(?:\.py[cwx]?|\.pth|\.o|\.a|\.lib)$|(?:^|/)(?:py\.typed|\.DS_Store)$")
_PROGRAM_PARTS = 2  # "bin" and the name of the file
_TEST_FILE = re.compile(r"^(?:test_.*|.*_tests?|conftest)\.py$")


@dataclass(frozen=True, kw_only=True)
class DistributionFiles:
    """The files of one distribution.

    `modules` maps dotted names to files. The others are POSIX paths relative to site-packages: `data`, `shared` (data
    below the environment's prefix; these paths begin with ".."), `programs` (scripts and executables in the
    environment's folder for them; these paths begin with "..", too), `metadata` (the files of its .dist-info), `start`
    (its .pth files), and `recorded` (every installed file that RECORD names, bytecode left out).
    """

    modules: Mapping[str, Path] = field(default_factory=dict)
    data: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    metadata: tuple[str, ...] = ()
    start: tuple[str, ...] = ()
    recorded: frozenset[str] = frozenset()

    @property
    def python(self) -> tuple[Path, ...]:
        """The source files of its modules."""
        return tuple(file for file in self.modules.values() if file.suffix == ".py")

    @property
    def extensions(self) -> tuple[Path, ...]:
        """The compiled files of its modules."""
        return tuple(file for file in self.modules.values() if file.suffix != ".py")


def files_of(recorded: Iterable[str], site_packages: Path, info: str, library: frozenset[str]) -> DistributionFiles:
    """Sort the paths that RECORD names; `info` is the name of the .dist-info folder.

    `library` are the top-level names of the standard library, which no distribution can replace.
    """
    # A path may also be empty, or lead nowhere but up; there is no file at such a path.
    files = [path for file in recorded if (path := PurePosixPath(file)).name not in {"", ".."}]
    inside = [
        file for file in files if ".." not in file.parts and not file.is_absolute() and "__pycache__" not in file.parts
    ]
    tests = _test_folders(inside)
    kept = [file for file in inside if not any(str(folder) in tests for folder in file.parents)] if tests else inside
    named = {name: site_packages / file for file in kept if (name := module_name(file))}
    packages = {file.parent for file in kept if file.name == "__init__.py"}
    shared = tuple(str(file) for file in files if _is_shared(file) and (site_packages / file).is_file())
    programs = tuple(str(file) for file in files if _is_program(file) and (site_packages / file).is_file())
    data = tuple(str(file) for file in kept if _is_data(file, info, packages) and (site_packages / file).is_file())
    return DistributionFiles(
        modules={name: file for name, file in named.items() if name.partition(".")[0] not in library},
        data=data,
        shared=shared,
        programs=programs,
        metadata=tuple(str(file) for file in kept if file.parts[0] == info),
        start=tuple(str(file) for file in kept if len(file.parts) == 1 and file.suffix == ".pth"),
        recorded=frozenset(map(str, _installed(files, site_packages))),
    )


def _installed(files: Iterable[PurePosixPath], site_packages: Path) -> Iterator[PurePosixPath]:
    """Yield the files that are there, without bytecode: also those outside site-packages, such as programs."""
    for file in files:
        if not file.is_absolute() and "__pycache__" not in file.parts and (site_packages / file).is_file():
            yield file


def _test_folders(files: Iterable[PurePosixPath]) -> set[str]:
    """Return the folders that hold a test suite: they are named so, and a test runner would collect a file in them."""
    return {
        str(folder)
        for file in files
        if _TEST_FILE.match(file.name)
        for folder in file.parents
        if folder.name in {"test", "tests"} and len(folder.parts) > 1
    }


def recorded_size(info: Path) -> int | None:
    """Return the size of a distribution in bytes, by the RECORD in its .dist-info folder; None without one."""
    try:
        with (info / "RECORD").open(encoding="utf-8", newline="") as stream:
            return sum(int(row[2]) for row in csv.reader(stream) if len(row) > 2 and row[2].isdecimal())
    except (OSError, ValueError, csv.Error):
        return None


def module_name(file: PurePosixPath) -> str | None:
    """Return the dotted name of the module that a file below site-packages is, or None if its name is not one's."""
    stem = file.name[:-3] if file.suffix == ".py" else _EXTENSION_MODULE.sub("", file.name)
    if stem == file.name:
        return None
    parts = [*file.parts[:-1], *(() if stem == "__init__" and len(file.parts) > 1 else (stem,))]
    return ".".join(parts) if all(part.isidentifier() for part in parts) else None


def _is_shared(file: PurePosixPath) -> bool:
    """Return whether a file is in the "data" scheme of a wheel: below the environment's prefix, outside its library.

    Scripts, headers and manuals are there, too, but no program reads them.
    """
    below = [part for part in file.parts if part != ".."]
    return file.parts[0] == ".." and below[0] in {"share", "etc"} and below[1:2] not in (["man"], ["doc"])


def _is_program(file: PurePosixPath) -> bool:
    """Return whether a file is in the "scripts" scheme of a wheel: entry points get a file there, too."""
    below = [part for part in file.parts if part != ".."]
    return file.parts[0] == ".." and len(below) == _PROGRAM_PARTS and below[0] in {"bin", "Scripts"}


def _is_data(file: PurePosixPath, info: str, packages: set[PurePosixPath]) -> bool:
    """Return whether a file is data. A .py file is, if it is inside a package but its folder is not one: a template."""
    if file.parts[0] == info:
        return False
    if file.suffix == ".py":
        return file.parent not in packages and any(folder in packages for folder in file.parents)
    return not _NEVER_DATA.search(str(file)) and module_name(file) is None

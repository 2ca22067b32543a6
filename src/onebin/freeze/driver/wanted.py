"""What to freeze and how, as build.json in a generated source says it. Standard library only."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# A row of PyInstaller's tables of contents: place, source, type code.
Entry = tuple[str, str, str]

_GENERATED = "onebin"


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What build.json says: what to freeze, and how.

    modules            modules that the analysis begins with, beside the entry script
    excludes           modules that must not be in the artifact
    files, links       the files of the installation and its symbolic links, by place
    optional           the places that a lean tree may do without, with the distribution, or "" for the library
    sourceless         whether the standard library and what onebin generates have only code where they have code
    roots              the folders on `sys.path`, by place, in their order
    library            that of the standard library
    script             the place of the script that the program runs
    shared_libraries   the folder for shared libraries from outside
    loose_data         the folder for data files that hooks find outside
    python_variables   whether the program obeys PYTHON* variables
    start_hook         whether `onebin_start` prepares the program before the script
    quiet_exit         whether the program may end without taking the interpreter apart
    compiled_patterns  whether code.bin has regular expressions of the modules in it
    huge_pages         whether the memory of Python's objects is taken in huge pages
    library_folders    where the interpreter that is frozen has its standard library: sources, then extension modules
    suffixes           those of its extension modules
    built_in           the modules inside it
    is_foreign         whether it is for another platform than the one that runs this
    kept               what is put into the tree as it is: the interpreter's executable, the C library, and changed
                       copies of files
    """

    name: str
    layout: str
    optimize: int
    strip: bool
    modules: list[str]
    excludes: list[str]
    files: dict[str, str]
    links: dict[str, str]
    optional: dict[str, str]
    sourceless: bool
    roots: list[str]
    library: str
    script: str
    shared_libraries: str
    loose_data: str
    python_variables: bool
    start_hook: bool
    quiet_exit: bool
    compiled_patterns: bool
    huge_pages: bool
    library_folders: list[str]
    suffixes: list[str]
    built_in: list[str]
    is_foreign: bool
    kept: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, source: Path) -> Wanted:
        """Read build.json in a generated source; raises OSError, and TypeError if a key is missing or unknown.

        What else belongs into the tree is added to `files`: additions.json beside the source, its folder `tree`, and
        its modules. A file of the installation that gets a changed copy stays in `files`: the analysis knows it so.
        """
        values = json.loads((source / "build.json").read_text("utf-8"))
        del values["generated"]  # says who wrote the file
        if values["layout"] != "onefile":
            values["kept"] = json.loads(source.with_name("additions.json").read_text("utf-8"))
            values["files"] = values["kept"] | values["files"]
            values["files"] |= {place: str(file) for place, file in generated(source)}
        return cls(**values)


def generated(source: Path) -> Iterator[tuple[str, Path]]:
    """Yield the generated files of a tree by place: the modules, and what is below the folder `tree`."""
    for file in sorted(file for file in source.rglob("*") if file.is_file()):
        place = file.relative_to(source).as_posix()
        if place.startswith("tree/"):
            yield place.removeprefix("tree/"), file
        elif file.suffix == ".py" and place != "entry.py":
            yield f"{_GENERATED}/{place}", file

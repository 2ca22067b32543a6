"""Read from its files what one distribution of the stage contributes; nothing is imported.

RECORD says which files it has, entry_points.txt has its entry points (both: the packaging specifications on recording
installed projects and on entry points), METADATA what it requires, and its source what it may do when it runs.
"""

from __future__ import annotations

import csv
import keyword
import unicodedata
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from onebin.errors import StageError
from onebin.survey.entry_points import SCRIPT_GROUPS, EntryPoint, read_entry_points
from onebin.survey.files import DistributionFiles, files_of
from onebin.survey.syntax import Behaviour, behaviour_of, read_code
from onebin.survey.words import Words, is_odd, words_of
from onebin.system import canonical_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from packaging.requirements import Requirement


# The distribution of `onebin_runtime`, of which onebin brings its own copy.
RUNTIME = "onebin-runtime"


@dataclass(frozen=True, kw_only=True)
class Distribution:
    """What one distribution contributes.

    `name` is its canonical name, `title` the one in METADATA, `info` its .dist-info folder in `site_packages`.
    `requirements` are those in METADATA, `behaviour` and `words` are what its Python source may do and which words it
    contains. `start_lines` are the lines of its .pth files that the interpreter runs at start (those that begin with
    "import": a rule of the `site` module).
    """

    name: str
    title: str
    version: str
    site_packages: Path
    info: str
    requirements: tuple[str, ...]
    entry_points: tuple[EntryPoint, ...]
    files: DistributionFiles
    behaviour: Behaviour
    words: Words
    start_lines: tuple[str, ...]

    @cached_property
    def requires(self) -> tuple[Requirement, ...]:
        """What it requires."""
        from packaging.requirements import Requirement  # noqa: PLC0415  # not every command asks, and it is slow to load

        return tuple(map(Requirement, self.requirements))

    @property
    def modules(self) -> Mapping[str, Path]:
        """The files of its modules by dotted name."""
        return self.files.modules

    @property
    def top_level(self) -> tuple[str, ...]:
        """The names that can be imported without a dot."""
        return tuple(dict.fromkeys(name.partition(".")[0] for name in self.modules))

    @property
    def programs(self) -> Mapping[str, str]:
        """Its scripts and executables by name, as POSIX paths relative to site-packages; entry points are included."""
        return {file.rpartition("/")[2]: file for file in self.files.programs}

    @property
    def plugs(self) -> tuple[EntryPoint, ...]:
        """The entry points that extend something: all except the scripts."""
        return tuple(point for point in self.entry_points if point.group not in SCRIPT_GROUPS)

    def imports(self, name: str) -> bool:
        """Return whether its source has an import statement for a module or for something in it."""
        return name in self.words.imported

    def mentions(self, word: str) -> bool:
        """Return whether its source has the word as a whole string."""
        if is_odd(word):
            return self.contains(f'"{word}"') or self.contains(f"'{word}'")
        return word in self.words.strings

    def contains(self, text: str) -> bool:
        """Return whether its source contains a text; raises OSError. This reads all of it."""
        return text in _text(self.files)


def importable(name: str) -> bool:
    """Return whether an import statement can contain a dotted name and mean that very module.

    Python's grammar normalises identifiers (NFKC), so a name that is not normalised would import another module.
    """
    is_normal = unicodedata.normalize("NFKC", name) == name
    return is_normal and all(part.isidentifier() and not keyword.iskeyword(part) for part in name.split("."))


def roots(distribution: Distribution) -> tuple[str, ...]:
    """Return the modules of a distribution that none of its other modules contains."""
    return tuple(
        name
        for name in distribution.modules
        if not any(name[:place] in distribution.modules for place, letter in enumerate(name) if letter == ".")
    )


def read(directory: Path, library: frozenset[str]) -> Distribution:
    """Return what a distribution contributes, by its .dist-info directory; raises StageError and OSError.

    `library` are the top-level names of the standard library, which no distribution can replace.
    """
    import importlib.metadata  # noqa: PLC0415  # surveys that are kept are read without it

    distribution = importlib.metadata.PathDistribution(directory)
    site_packages, info = directory.parent, directory.name
    title = (distribution.metadata.get_all("Name") or [""])[0]
    if not title:
        raise StageError(f"{info} has no name in its METADATA", "the wheel is malformed: ask its author")
    files = files_of(_recorded(directory / "RECORD"), site_packages, info, library)
    return Distribution(
        name=canonical_name(title),
        title=title,
        version=distribution.version,
        site_packages=site_packages,
        info=info,
        requirements=tuple(_requirements(distribution.requires or ())),
        entry_points=read_entry_points(directory),
        files=files,
        behaviour=behaviour_of(map(read_code, files.python)),
        words=words_of(_text(files)),
        start_lines=tuple(_start_lines(site_packages / file for file in files.start)),
    )


def _recorded(record: Path) -> Iterator[str]:
    """Yield each path in a RECORD; importlib.metadata leaves out files that do not exist, since Python 3.12."""
    if not record.exists():
        return
    try:
        with record.open(encoding="utf-8", errors="replace", newline="") as stream:
            yield from (row[0] for row in csv.reader(stream) if row)
    except csv.Error as error:
        hint = "the wheel is malformed: lock another version"
        raise StageError(f"the RECORD of {record.parent.name} cannot be read: {error}", hint) from error


def _requirements(lines: Iterable[str]) -> Iterator[str]:
    from packaging.requirements import InvalidRequirement, Requirement  # noqa: PLC0415  # as for importlib.metadata

    for line in lines:
        with suppress(InvalidRequirement):  # an old form, which uv has read in its own way
            yield str(Requirement(line))


def _text(files: DistributionFiles) -> str:
    return "\n".join(file.read_text("utf-8", "replace") for file in files.python)


def _start_lines(files: Iterable[Path]) -> Iterator[str]:
    for file in files:
        lines = file.read_text("utf-8", "replace").splitlines()
        yield from (line for line in lines if line.startswith(("import ", "import\t")))

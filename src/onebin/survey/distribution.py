"""What one distribution of the stage contributes, read from its files; nothing is imported.

Modules and data files come from RECORD, entry points from entry_points.txt (both: the packaging specifications on
recording installed projects and on entry points), computed imports from the syntax tree.
"""

from __future__ import annotations

import importlib.metadata
import keyword
import re
import unicodedata
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from onebin.errors import StageError
from onebin.survey.syntax import read_code
from onebin.survey.words import Words, is_odd, words_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


# The distribution of `onebin_runtime`, of which onebin brings its own copy.
RUNTIME = "onebin-runtime"

SCRIPT_GROUPS = frozenset({"console_scripts", "gui_scripts"})

_EXTENSION_MODULE = re.compile(r"(?:\.cpython-[^.]+|\.abi3|\.cp\d+[^.]*)?\.(?:so|pyd)$")
_NEVER_DATA = re.compile(r"(?:\.py[cwx]?|\.pth|\.o|\.a|\.lib)$|(?:^|/)(?:py\.typed|\.DS_Store)$")
# What compilers and type checkers read of a package; `lazy_loader` and its like read stubs at run time, too.
_FOR_TOOLS = re.compile(r"\.(?:pyi|pxd|pyx|[ch](?:pp|xx)?)$")
_TEST_FILE = re.compile(r"^(?:test_.*|.*_tests?|conftest)\.py$")


@dataclass(frozen=True, kw_only=True, order=True)
class EntryPoint:
    """One entry point: `name = value` in a group, value as "module:attribute" or "module"."""

    group: str
    name: str
    value: str

    @property
    def module(self) -> str:
        """The module part of the value, without attribute and extras."""
        return self.value.partition(":")[0].partition("[")[0].strip()

    @property
    def attribute(self) -> str:
        """The attribute part of the value, or an empty string."""
        return self.value.partition(":")[2].partition("[")[0].strip()


@dataclass(frozen=True, kw_only=True)
class Distribution:
    """What one distribution contributes.

    `modules` maps dotted names to files; `sources` (all its .py), `data`, `for_tools` (stubs and headers beside its
    modules), `shared` (data below the environment's prefix, beginning with ".."), `metadata` (the files of its
    .dist-info) and
    `recorded` (all that RECORD names there) hold POSIX paths relative to site-packages; `requires` what it
    depends on. `imports_by_name` tells that it imports modules whose names only a run can tell, `reads_itself` that it
    may look for its own .py files, `reads_others` that it may look for those of any module, `runs_foreign_code` that
    it may run code that nobody has seen (a user's script or setting). `run_as_main` are the modules that it starts
    with `-m`. `start_lines` are the
    lines of its .pth files that the interpreter runs at start (the `site` module's rule: those that begin with
    "import"), `words` those of its Python source.
    """

    name: str
    title: str
    version: str
    site_packages: Path
    info: str
    modules: Mapping[str, Path]
    sources: tuple[str, ...]
    data: tuple[str, ...]
    for_tools: tuple[str, ...]
    shared: tuple[str, ...]
    metadata: tuple[str, ...]
    recorded: frozenset[str]
    entry_points: tuple[EntryPoint, ...]
    requires: tuple[Requirement, ...]
    imports_by_name: bool
    reads_itself: bool
    reads_others: bool
    runs_foreign_code: bool
    run_as_main: tuple[str, ...]
    start_lines: tuple[str, ...]
    words: Words

    @property
    def top_level(self) -> tuple[str, ...]:
        """The names that can be imported without a dot."""
        return tuple(dict.fromkeys(name.partition(".")[0] for name in self.modules))

    @property
    def extensions(self) -> tuple[Path, ...]:
        """The files of its modules that are compiled."""
        return tuple(file for file in self.modules.values() if file.suffix != ".py")

    @property
    def is_part_of_namespace(self) -> bool:
        """Whether it has modules in a namespace package (PEP 420), which may have other portions."""
        return any("." in name and name.partition(".")[0] not in self.modules for name in self.modules)

    @property
    def plugs(self) -> tuple[EntryPoint, ...]:
        """The entry points that extend something: all but the scripts."""
        return tuple(point for point in self.entry_points if point.group not in SCRIPT_GROUPS)

    @property
    def text(self) -> str:
        """All its Python source."""
        return _text(self.modules.values())

    def imports(self, name: str) -> bool:
        """Tell whether an import statement for a module, or for what lies in it, stands in its source."""
        return name in self.words.imported

    def mentions(self, word: str) -> bool:
        """Tell whether the word stands in its source as a string of its own."""
        if is_odd(word):
            text = self.text
            return f'"{word}"' in text or f"'{word}'" in text
        return word in self.words.strings


def importable(name: str) -> bool:
    """Tell whether a dotted name can stand in an import statement and mean itself.

    Python's grammar normalises identifiers (NFKC), so a name that is not normal would import another module.
    """
    is_normal = unicodedata.normalize("NFKC", name) == name
    return is_normal and all(part.isidentifier() and not keyword.iskeyword(part) for part in name.split("."))


def _entry_points(distribution: importlib.metadata.PathDistribution, info: str) -> tuple[EntryPoint, ...]:
    try:
        return tuple(
            EntryPoint(group=each.group, name=each.name, value=each.value) for each in distribution.entry_points
        )
    except (TypeError, ValueError, AttributeError) as error:  # what the standard library raises for odd lines
        raise StageError(
            f"the entry_points.txt of {info} cannot be read: {error}", "the wheel is malformed: lock another version"
        ) from error


def read(directory: Path, library: frozenset[str]) -> Distribution:
    """Return what a distribution contributes, by its .dist-info directory; raises StageError and OSError.

    `library` are the names of the standard library's modules, which no distribution can replace.
    """
    distribution = importlib.metadata.PathDistribution(directory)
    site_packages, info = directory.parent, directory.name
    title = distribution.metadata["Name"]
    if not title:
        raise StageError(f"{info} has no name in its METADATA", "the wheel is malformed: ask its author")
    files = [PurePosixPath(str(file)) for file in distribution.files or ()]
    inside = [
        file for file in files if ".." not in file.parts and not file.is_absolute() and "__pycache__" not in file.parts
    ]
    tests = _test_folders(inside)
    kept = [file for file in inside if not any(str(folder) in tests for folder in file.parents)] if tests else inside
    named = {name: site_packages / file for file in kept if (name := _module_name(file))}
    modules = {name: file for name, file in named.items() if name.partition(".")[0] not in library}
    packages = {file.parent for file in kept if file.name == "__init__.py"}
    shared = tuple(str(file) for file in files if _is_shared(file) and (site_packages / file).is_file())
    data = [str(file) for file in kept if _is_data(file, info, packages) and (site_packages / file).is_file()]
    for_tools = tuple(file for file in data if _FOR_TOOLS.search(file) and PurePosixPath(file).parent in packages)
    codes = [read_code(file) for file in modules.values() if file.suffix == ".py"]
    return Distribution(
        name=str(canonicalize_name(title)),
        title=title,
        version=distribution.version,
        site_packages=site_packages,
        info=info,
        modules=modules,
        sources=tuple(str(file) for file in kept if file.suffix == ".py"),
        data=tuple(file for file in data if file not in for_tools),
        for_tools=for_tools,
        shared=shared,
        metadata=tuple(str(file) for file in kept if file.parts[0] == info),
        recorded=frozenset([*map(str, inside), *shared]),
        entry_points=_entry_points(distribution, info),
        requires=tuple(_requirements(distribution.requires or ())),
        imports_by_name=any(code.imports_by_name for code in codes),
        reads_itself=any(code.reads_itself for code in codes),
        reads_others=any(code.finds_sources for code in codes) and any(code.parses for code in codes),
        runs_foreign_code=any(code.runs_foreign_code for code in codes),
        run_as_main=tuple(dict.fromkeys(name for code in codes for name in code.run_as_main)),
        start_lines=tuple(_start_lines(site_packages / file for file in kept if len(file.parts) == 1)),
        words=words_of(_text(modules.values())),
    )


def _text(modules: Iterable[Path]) -> str:
    return "\n".join(file.read_text("utf-8", "replace") for file in modules if file.suffix == ".py")


def _start_lines(files: Iterable[Path]) -> Iterator[str]:
    for file in files:
        if file.suffix == ".pth":
            lines = file.read_text("utf-8", "replace").splitlines()
            yield from (line for line in lines if line.startswith(("import ", "import\t")))


def _requirements(lines: Iterable[str]) -> Iterator[Requirement]:
    for line in lines:
        with suppress(InvalidRequirement):  # an old form, which uv has read in its own way
            yield Requirement(line)


def _test_folders(files: Iterable[PurePosixPath]) -> set[str]:
    """Return the folders that hold a test suite: named so, and with a file that a test runner would collect."""
    return {
        str(folder)
        for file in files
        if _TEST_FILE.match(file.name)
        for folder in file.parents
        if folder.name in {"test", "tests"} and len(folder.parts) > 1
    }


def _module_name(file: PurePosixPath) -> str | None:
    stem = file.name[:-3] if file.suffix == ".py" else _EXTENSION_MODULE.sub("", file.name)
    if stem == file.name:
        return None
    parts = [*file.parts[:-1], *(() if stem == "__init__" and len(file.parts) > 1 else (stem,))]
    return ".".join(parts) if all(part.isidentifier() for part in parts) else None


def _is_shared(file: PurePosixPath) -> bool:
    """Tell whether a file lies below the environment's prefix and outside its library: a wheel's "data" scheme.

    Scripts and headers lie there, too, and manuals, which no program reads.
    """
    below = [part for part in file.parts if part != ".."]
    return file.parts[0] == ".." and below[0] in {"share", "etc"} and below[1:2] not in (["man"], ["doc"])


def _is_data(file: PurePosixPath, info: str, packages: set[PurePosixPath]) -> bool:
    """Tell whether a file is data; Python in a folder that is no package, inside one that is, is a template."""
    if file.parts[0] == info:
        return False
    if file.suffix == ".py":
        return file.parent not in packages and any(folder in packages for folder in file.parents)
    return not _NEVER_DATA.search(str(file)) and _module_name(file) is None


def roots(distribution: Distribution) -> tuple[str, ...]:
    """Return the modules of a distribution that none of its other modules contains."""
    return tuple(
        name
        for name in distribution.modules
        if not any(name[:place] in distribution.modules for place, letter in enumerate(name) if letter == ".")
    )

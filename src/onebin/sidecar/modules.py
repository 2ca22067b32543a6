"""Which modules an artifact has, by its card; what of a side-car would be hidden behind them, and what it misses."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from onebin.card import INTERPRETER
from onebin.errors import Finding
from onebin.survey import imports_of, module_name
from onebin.tree import GENERATED, places_on

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from onebin.card import Facts
    from onebin.survey import Distribution, Survey

_SHOWN = 20


@dataclass(frozen=True, kw_only=True)
class Modules:
    """The modules of an artifact: all of them, and those of its distributions.

    `library` are the top-level names of its standard library.
    """

    every: frozenset[str]
    installed: frozenset[str]
    library: frozenset[str]

    @classmethod
    def on(cls, facts: Facts) -> Modules:
        """Return the modules that a card lists, as files or as compiled code."""
        places = places_on(facts["interpreter"]["platform"], facts["interpreter"]["version"].rpartition(".")[0])
        # The library's extensions are in a folder of the library.
        roots = [places.site_packages, places.extensions, places.library, GENERATED]
        found: dict[str, set[str]] = {root: set() for root in roots}
        for row in facts["files"]:
            root = next((each for each in roots if row["path"].startswith(f"{each}/")), None)
            name = module_name(PurePosixPath(row["path"].removeprefix(f"{root}/"))) if root else None
            if root and name:
                found[root].add(name)
        distributions = {str(canonicalize_name(each["name"])) for each in facts["distributions"]}
        coded = {each["name"] for each in facts["modules"]}
        own = {each["name"] for each in facts["modules"] if each["owner"] in distributions}
        of_python = {each["name"] for each in facts["modules"] if each["owner"] == INTERPRETER}
        of_python |= found[places.library] | found[places.extensions]
        return cls(
            every=frozenset(coded.union(*found.values())),
            installed=frozenset(found[places.site_packages] | own),
            library=frozenset(name.partition(".")[0] for name in of_python),
        )


def hidden(paths: Iterable[str], installed: frozenset[str], library: frozenset[str]) -> Iterator[Finding]:
    """Yield the files of a side-car whose module is there already, or that are inside a package which is.

    `installed` are those of the artifact's distributions, `library` the top-level names of the standard library. A
    side-car comes after everything else on the search path. Only namespace packages (PEP 420) can be in both.
    """
    spaces = {name[:at] for name in installed for at, letter in enumerate(name) if letter == "."} - installed
    said: set[str] = set()
    for path in paths:
        parts = path.split("/")
        if parts[0].endswith((".dist-info", ".data")):
            continue
        around = [".".join((*parts[:at], part.partition(".")[0])) for at, part in enumerate(parts)]
        own = module_name(PurePosixPath(path))
        taken = next((each for each in around if each in installed), None)
        if around[0] in library:
            taken, what = around[0], "is a module of Python itself"
        elif taken is not None:
            what = "is in the artifact already" if taken == own else "is a package of the artifact, not a namespace"
        elif own in spaces:
            taken, what = own, "is a namespace in the artifact, and a package in the side-car"
        if taken is not None and taken not in said:
            said.add(taken)
            yield Finding(path, f"{taken} {what}", "give the module another name, or build the artifact with it")


def missing(
    brought: Mapping[str, Distribution], opened: Iterable[str], artifact: Modules, surveyed: Survey
) -> tuple[list[Finding], list[str]]:
    """Return the imports that the artifact cannot satisfy: findings, and lines about those that may never happen.

    `opened` are the modules that opening the plugin imports. What they import in turn must be there; what is optional,
    or in modules that they do not lead to, may never be imported. What is not in the stage either is nobody's: a module
    for another system, or one that a program does without.
    """
    made = list(imports(brought))
    own = {name for each in brought.values() for name in each.modules}
    reached = _reached(opened, made, own)
    needed: dict[str, str] = {}
    perhaps: dict[str, str] = {}
    for each in made:
        name = _known(each.target, surveyed)
        if name is not None and name not in own and name not in artifact.every:
            is_needed = each.module in reached and not each.is_optional
            (needed if is_needed else perhaps).setdefault(name, each.where)
    findings = [
        Finding(where, f"it imports {name}, which is not in the artifact", _remedy(name, surveyed))
        for name, where in sorted(needed.items())
    ]
    notes = [
        f"{where} would use {name}, which is not in the artifact"
        for name, where in sorted(perhaps.items())
        if name not in needed
    ]
    return findings, notes[:_SHOWN]


@dataclass(frozen=True, kw_only=True)
class MadeImport:
    """An import in a module of a side-car: `where` is the path of its source below site-packages, and the line."""

    module: str
    where: str
    target: str
    is_optional: bool


def imports(brought: Mapping[str, Distribution]) -> Iterator[MadeImport]:
    """Yield each import in the sources of distributions."""
    for distribution in brought.values():
        for name, file in distribution.modules.items():
            if file.suffix == ".py":
                package = name if file.name == "__init__.py" else name.rpartition(".")[0]
                path = file.relative_to(distribution.site_packages).as_posix()
                for each in imports_of(file.read_bytes(), package):
                    where = f"{path}:{each.line}"
                    yield MadeImport(module=name, where=where, target=each.target, is_optional=each.is_optional)


def _reached(opened: Iterable[str], made: Iterable[MadeImport], own: Collection[str]) -> set[str]:
    """Return the modules of a side-car that are imported if these are: with each module, the packages around it."""
    targets: dict[str, list[str]] = {}
    for each in made:
        targets.setdefault(each.module, []).append(each.target)
    found: set[str] = set()
    waiting = list(opened)
    while waiting:
        target = waiting.pop()
        for name in (target[:at] for at, letter in enumerate(f"{target}.") if letter == "."):
            if name in own and name not in found:
                found.add(name)
                waiting += targets.get(name, [])
    return found


def _known(target: str, surveyed: Survey) -> str | None:
    """Return the module that an import is about, as far as the stage has it."""
    while target:
        if target in surveyed.owners or target in surveyed.interpreter.standard_library:
            return target
        target = target.rpartition(".")[0]
    return None


def _remedy(name: str, surveyed: Survey) -> str:
    if name in surveyed.owners:
        return 'a lean artifact left it out: build it with collect = "all"'
    return f'build the artifact with [freeze] include = ["{name}"]'

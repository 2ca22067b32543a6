"""Survey the stage: what each distribution contributes, read from its files; nothing is imported.

Takes a Stage and returns a Survey. Rejects a stage that does not hold exactly what is locked.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from onebin.errors import Finding, StageError
from onebin.stage import overlaps
from onebin.survey import distribution
from onebin.survey.cache import SurveyCache
from onebin.survey.words import is_odd
from onebin.system import canonical_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from onebin.cache import Cache
    from onebin.lock import Lock
    from onebin.python import Interpreter
    from onebin.stage import Overlap, Stage
    from onebin.survey.distribution import Distribution


@dataclass(frozen=True, kw_only=True)
class Survey:
    """All distributions of a stage by canonical name, in the order of these names, and the files they disagree on."""

    stage: Stage
    distributions: Mapping[str, Distribution]
    overlaps: tuple[Overlap, ...]

    @cached_property
    def owners(self) -> Mapping[str, str]:
        """The distribution that owns each module: of two that both have one, the last, as in the stage."""
        return {module: each.name for each in self.distributions.values() for module in each.modules}

    @cached_property
    def recorded(self) -> dict[str, str]:
        """The distribution that owns each file, by the file's POSIX path relative to site-packages."""
        return {file: each.name for each in self.distributions.values() for file in sorted(each.files.recorded)}

    @cached_property
    def _mentions(self) -> Mapping[str, frozenset[str]]:
        return inverted({each.name: each.words.strings for each in self.distributions.values()})

    @cached_property
    def _beginnings(self) -> Mapping[str, frozenset[str]]:
        tops = {each.name: {*each.words.beginnings, *each.top_level} for each in self.distributions.values()}
        return inverted(tops)

    @cached_property
    def _imports(self) -> Mapping[str, frozenset[str]]:
        return inverted({each.name: each.words.imported for each in self.distributions.values()})

    @cached_property
    def importing_by_name(self) -> frozenset[str]:
        """The distributions that import modules whose names are known only when they run."""
        return frozenset(each.name for each in self.distributions.values() if each.behaviour.imports_by_name)

    def mentioning(self, word: str) -> frozenset[str]:
        """Return the distributions whose source has the word as a whole string."""
        if is_odd(word):
            return frozenset(each.name for each in self.distributions.values() if each.mentions(word))
        return self._mentions.get(word, frozenset())

    def naming(self, top: str) -> frozenset[str]:
        """Return the distributions that have a top-level name, or a string that begins with it and a dot."""
        return self._beginnings.get(top, frozenset())

    def importing(self, name: str) -> frozenset[str]:
        """Return the distributions that have an import statement for a module or for something in it."""
        return self._imports.get(name, frozenset())

    @property
    def lock(self) -> Lock:
        """What the stage was installed from."""
        return self.stage.lock

    @property
    def interpreter(self) -> Interpreter:
        """The Python of the stage."""
        return self.stage.lock.interpreter

    @property
    def host(self) -> Distribution:
        """The distribution that the manifest calls the host."""
        return self.distributions[self.lock.host]

    def has_module(self, name: str) -> bool:
        """Return whether there is a module, a package or a namespace package of exactly that name."""
        return name in self.owners or any(module.startswith(f"{name}.") for module in self.owners)

    def of_module(self, name: str) -> Distribution | None:
        """Return the distribution that has a module, or else the closest package around it."""
        while name:
            if name in self.owners:
                return self.distributions[self.owners[name]]
            name = name.rpartition(".")[0]
        return None

    def owner_name(self, module: str) -> str:
        """Return the canonical name of the distribution that has a module or a part of it; raises KeyError."""
        owner = self.of_module(module)
        if owner is not None:
            return owner.name
        parts = (name for part, name in self.owners.items() if part.startswith(f"{module}."))
        found = next(parts, None)
        if found is None:
            raise KeyError(module)
        return found


def survey(stage: Stage, cache: Cache) -> Survey:
    """Return what the stage's distributions contribute; raises StageError if they are not those of the lock.

    The results of earlier surveys are read from the cache, and new ones are kept there.
    """
    try:
        found = {each.name: each for each in _distributions(stage, cache)}
        shared = tuple(overlaps(stage.site_packages))
    except OSError as error:
        raise StageError(
            f"the stage {stage.directory} is damaged: {error}", "run `onebin cache clean stages` and build again"
        ) from error
    locked = {package.name for package in stage.lock.packages}
    if set(found) != locked:
        odd = ", ".join(sorted(set(found) ^ locked))
        raise StageError(
            f"the stage {stage.directory} does not hold the lock: {odd}",
            "run `onebin cache clean stages` and build again",
        )
    return Survey(stage=stage, distributions=dict(sorted(found.items())), overlaps=shared)


def _distributions(stage: Stage, cache: Cache) -> Iterator[Distribution]:
    packages = {package.name: package for package in stage.lock.packages}
    library = stage.lock.interpreter.library_names
    kept = SurveyCache.at(cache, library)
    for info in sorted(stage.site_packages.glob("*.dist-info")):
        package = packages.get(canonical_name(info.stem.rpartition("-")[0]))
        try:
            yield kept.read(info, package) if package else distribution.read(info, library)
        except StageError as error:
            if package:
                error.findings = (Finding(stage.lock.where(package.name), "it is malformed"),)
            raise


def inverted(words: Mapping[str, Iterable[str]]) -> Mapping[str, frozenset[str]]:
    """Return the owners of each word. Most words have one owner, and share one set for it."""
    alone = {name: frozenset({name}) for name in words}
    found: dict[str, frozenset[str] | set[str]] = {}
    for name, own in words.items():
        for word in own:
            known = found.get(word)
            if known is None:
                found[word] = alone[name]
            elif isinstance(known, set):
                known.add(name)
            else:
                found[word] = {*known, name}
    return {word: frozenset(names) for word, names in found.items()}

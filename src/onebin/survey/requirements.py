"""Find which staged distributions require which others, by their METADATA and for the stage's Python.

Takes a Survey and returns edges between canonical names. Markers and extras are those of the specification on
dependency specifiers (PEP 508).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from onebin.system import canonical_name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from packaging.requirements import Requirement

    from onebin.manifest import Manifest
    from onebin.survey.index import Survey

Targets = Callable[[str, str], tuple[tuple[str, str], ...]]
Demands = Callable[[str, frozenset[str]], tuple["Demand", ...]]


@dataclass(frozen=True, kw_only=True)
class Demand:
    """What one distribution requires of another.

    `versions` is a version specifier (PEP 440), or "" for any; `markers` are the environment markers that applied.
    """

    name: str
    extras: frozenset[str] = frozenset()
    versions: str = ""
    markers: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Declared:
    """What the manifest requires: the host, for which `row` is None, or a row of `[plugins]`."""

    row: str | None
    demand: Demand


def declared(manifest: Manifest, survey: Survey) -> tuple[Declared, ...]:
    """Return the distributions that the manifest requires: first the host, then those of the rows, in their order.

    A row that only names modules requires none.
    """
    from packaging.requirements import Requirement  # noqa: PLC0415  # not every command asks, and it is slow to load

    host = Requirement(manifest.host.package) if manifest.host.package else None
    extras = frozenset([*manifest.host.extras, *(host.extras if host else ())])
    versions = str(host.specifier) if host else ""
    found = [Declared(row=None, demand=Demand(name=survey.lock.host, extras=extras, versions=versions))]
    for row in manifest.plugins:
        name = survey.lock.answers.get(row.name)
        if name is not None:
            demand = Demand(name=name, extras=frozenset(row.extras), versions=row.version or "")
            found.append(Declared(row=row.name, demand=demand))
    return tuple(found)


def targets_of(survey: Survey) -> Targets:
    """Return a function that returns what a distribution with one extra ("": none) needs, each with its extras.

    Markers are evaluated for the stage's Python.
    """
    markers = survey.interpreter.markers

    @cache
    def targets(name: str, extra: str) -> tuple[tuple[str, str], ...]:
        found = survey.distributions.get(name)
        return tuple(
            (canonical_name(requirement.name), wanted)
            for requirement in (found.requires if found else ())
            if requirement.marker is None or requirement.marker.evaluate({**markers, "extra": extra})
            for wanted in ("", *requirement.extras)
        )

    return targets


def demands_of(survey: Survey) -> Demands:
    """Return a function that returns what a distribution with some extras requires of others that are locked.

    Each other distribution is there once, with everything that is required of it. An extra that names further extras of
    its own distribution stands for those, too.
    """
    markers = survey.interpreter.markers

    def applies(requirement: Requirement, extras: Iterable[str]) -> bool:
        marker = requirement.marker
        return marker is None or any(marker.evaluate({**markers, "extra": extra}) for extra in ("", *extras))

    @cache
    def demands(name: str, extras: frozenset[str]) -> tuple[Demand, ...]:
        applied = [each for each in survey.distributions[name].requires if applies(each, extras)]
        own = {extra for each in applied if canonical_name(each.name) == name for extra in each.extras}
        if not own <= extras:
            return demands(name, extras | own)
        merged: dict[str, list[Requirement]] = {}
        for each in applied:
            target = canonical_name(each.name)
            if target != name and target in survey.distributions:
                merged.setdefault(target, []).append(each)
        return tuple(_merged(target, merged[target]) for target in sorted(merged))

    return demands


def _merged(target: str, requirements: Sequence[Requirement]) -> Demand:
    return Demand(
        name=target,
        extras=frozenset(extra for each in requirements for extra in each.extras),
        versions=",".join(dict.fromkeys(str(each.specifier) for each in requirements if each.specifier)),
        markers=tuple(dict.fromkeys(str(each.marker) for each in requirements if each.marker)),
    )


def reached(demands: Demands, wanted: Iterable[Demand], without: Collection[str] = ()) -> frozenset[Demand]:
    """Return every distribution that these need, directly or indirectly, and these: each with the extras asked of it.

    What only the distributions in `without` need is left out, and so are they.
    """
    found: set[Demand] = set()
    waiting = deque(wanted)
    while waiting:
        each = waiting.popleft()
        plain = Demand(name=each.name, extras=each.extras)
        if each.name not in without and plain not in found:
            found.add(plain)
            waiting.extend(demands(each.name, each.extras))
    return frozenset(found)


def edges(survey: Survey, wanted: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Return the locked distributions that each one requires if these (name, extra) pairs are asked for."""
    targets = targets_of(survey)
    found: dict[str, set[str]] = {name: set() for name in survey.distributions}
    seen: set[tuple[str, str]] = set()
    waiting = deque([*wanted, *((name, "") for name in survey.distributions)])
    while waiting:
        step = waiting.popleft()
        if step not in seen:
            seen.add(step)
            needed = [target for target in targets(*step) if target[0] in found]
            found.setdefault(step[0], set()).update(name for name, _ in needed)
            waiting.extend(needed)
    return {name: sorted(required - {name}) for name, required in found.items()}

"""Order the plugins as in the manifest, unless something says that one comes after another.

That may be `after` or `before` in a row, or a plugin's distribution that depends on another plugin's. Takes the plugins
in the manifest's order, their rows and the survey; returns an Order. Rejects a cycle that a row is part of.
Distributions that depend on each other do not decide on the order, since no user could resolve that cycle.
"""

from __future__ import annotations

import graphlib
import heapq
from collections import defaultdict, deque
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from onebin.check.contribution import SUMMARY
from onebin.errors import Finding, PlanError
from onebin.manifest import keyed
from onebin.survey import targets_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from onebin.check.contribution import PlannedPlugin
    from onebin.manifest import PluginRow
    from onebin.survey import Survey, Targets


@dataclass(frozen=True, slots=True)
class Precedence:
    """One plugin comes before another, both by their rows' names; `reason` explains why to people."""

    first: str
    then: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Order:
    """The plugins in their final order, and what decided on it besides the order of the manifest.

    `requires` has, for each plugin, those whose distributions its own needs, even indirectly; all by their rows' names.
    """

    plugins: tuple[PlannedPlugin, ...]
    precedences: tuple[Precedence, ...]
    requires: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def order(plugins: Sequence[PlannedPlugin], rows: Sequence[PluginRow], survey: Survey, where: str) -> Order:
    """Return the order of the plugins; `where` names the manifest. Raises PlanError with the path of a cycle.

    Of the plugins that may come next, the first one in the manifest does.
    """
    requires = _required(plugins, rows, survey)
    precedences = [*_of_rows(plugins, rows), *_of_dependencies(requires)]
    names = [plugin.name for plugin in plugins]
    try:
        in_order = ranked(names, precedences)
    except graphlib.CycleError as error:
        raise PlanError(SUMMARY, [_cycle(error.args[1], precedences, where)]) from error
    by_name = {plugin.name: plugin for plugin in plugins}
    return Order(plugins=tuple(by_name[name] for name in in_order), precedences=tuple(precedences), requires=requires)


def ranked(names: Sequence[str], precedences: Iterable[Precedence]) -> list[str]:
    """Sort names by their precedences, and otherwise in the given order; raises CycleError."""
    sorter = graphlib.TopologicalSorter(dict.fromkeys(names, ()))
    for each in precedences:
        sorter.add(each.then, each.first)
    sorter.prepare()
    rank = {name: number for number, name in enumerate(names)}
    ready: list[int] = []
    done: list[str] = []
    while sorter.is_active():
        for name in sorter.get_ready():
            heapq.heappush(ready, rank[name])
        done.append(names[heapq.heappop(ready)])
        sorter.done(done[-1])
    return done


def _cycle(path: Sequence[str], precedences: Sequence[Precedence], where: str) -> Finding:
    """Report a cycle: its path, and the reason of each step; in graphlib's path, each name precedes the next."""
    steps = [next(p for p in precedences if (p.first, p.then) == (first, then)) for first, then in pairwise(path)]
    reasons = "; ".join(dict.fromkeys(step.reason for step in steps))
    message = f"the order of the plugins is a cycle: {' -> '.join(path)} ({reasons})"
    return Finding(keyed(where, "plugins", path[0]), message, "remove one of these `after` or `before`")


def _of_rows(plugins: Sequence[PlannedPlugin], rows: Sequence[PluginRow]) -> Iterator[Precedence]:
    """Yield what `after` and `before` of the rows say about plugins that exist."""
    known = {canonicalize_name(plugin.name): plugin.name for plugin in plugins}
    for row in rows:
        if canonicalize_name(row.name) not in known:
            continue
        for other in map(canonicalize_name, row.after):
            if other in known:
                yield Precedence(known[other], row.name, f"{row.name} has after {known[other]}")
        for other in map(canonicalize_name, row.before):
            if other in known:
                yield Precedence(row.name, known[other], f"{row.name} has before {known[other]}")


def _of_dependencies(requires: Mapping[str, Sequence[str]]) -> Iterator[Precedence]:
    """Yield which plugins come after others because they require them."""
    for name, others in requires.items():
        for other in others:
            if name not in requires[other]:
                yield Precedence(other, name, f"{name} depends on {other}")


def _required(
    plugins: Sequence[PlannedPlugin], rows: Sequence[PluginRow], survey: Survey
) -> dict[str, tuple[str, ...]]:
    """Return, for each plugin, those whose distributions its own needs, even indirectly, in the manifest's order."""
    extras = {row.name: row.extras for row in rows}
    targets = targets_of(survey)
    needs = {plugin.name: _needed(plugin.distribution, extras[plugin.name], targets) for plugin in plugins}
    ranks: dict[str, list[int]] = defaultdict(list)
    for rank, plugin in enumerate(plugins):
        ranks[plugin.distribution].append(rank)
    return {
        plugin.name: tuple(
            plugins[rank].name for rank in sorted(rank for name in needs[plugin.name] for rank in ranks.get(name, ()))
        )
        for plugin in plugins
    }


def _needed(distribution: str, extras: Iterable[str], targets: Targets) -> frozenset[str]:
    """Return the canonical names of everything that a distribution with these extras needs, without its own."""
    found: set[tuple[str, str]] = set()
    waiting = deque([(distribution, extra) for extra in ("", *extras)])
    while waiting:
        step = waiting.popleft()
        if step not in found:
            found.add(step)
            waiting.extend(targets(*step))
    return frozenset(name for name, _ in found if name != distribution)

"""Find what one row of `[plugins]` contributes: entry points in groups that the host uses, or modules that it finds.

Nothing is imported: the survey knows the names, and which sources of the host and its dependencies contain the words by
which plugins are looked up.
"""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from onebin.check.missing import left_out
from onebin.errors import Finding, PlanError
from onebin.manifest import setting_of_wheels
from onebin.python import ELSEWHERE
from onebin.survey import Lookups, declared, demands_of, lookups_of, project_of, reached, recorded_size
from onebin.system import count, did_you_mean, display, megabytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from onebin.manifest import Manifest, PluginRow
    from onebin.survey import Distribution, EntryPoint, Survey

SUMMARY = "host and plugins do not fit together"

# Shorter parts of a group's name ("ext", "io") occur in any source.
_SHORTEST_WORD = 5
_SHOWN = 6

# When a group is taken for a misspelled one: by the ratio of difflib, and by the difference in length.
_ALIKE = 0.85
_ALIKE_LENGTH = 4


@dataclass(frozen=True, kw_only=True)
class PlannedPlugin:
    """One plugin as it will be registered: its row's name, its distribution, the modules that opening it imports.

    `is_looked_up` is False if nothing in the bundle looks it up or imports it, its row names no modules, and it neither
    requires nor imports the host: only a computed name can reach it, and it is probably not for this host.
    """

    name: str
    distribution: str
    version: str
    modules: tuple[str, ...]
    entry_points: tuple[EntryPoint, ...]
    is_looked_up: bool = True


def contribution_of(row: PluginRow, manifest: Manifest, surveyed: Survey, key: str) -> PlannedPlugin:
    """Return what a row contributes; `key` says where the row is. Raises PlanError if it contributes nothing."""
    unknown = [name for name in row.modules if not surveyed.has_module(name)]
    if unknown:
        raise PlanError(SUMMARY, [unknown_module(key, name, surveyed) for name in unknown])
    answer = surveyed.lock.answers.get(row.name) or surveyed.owner_name(row.modules[0])
    distribution = surveyed.distributions[answer]
    points = distribution.plugs if surveyed.lock.answers.get(row.name) else ()
    used = [point for point in points if is_looked_up(point.group, manifest, surveyed, distribution.name)]
    modules = row.modules or _modules_of(distribution, used, surveyed)
    if not modules and points:
        groups = ", ".join(sorted({point.group for point in points}))
        message = f"{_title(distribution)} extends {groups}, which nothing else in the bundle mentions"
        declare = f'if the host computes this name at run time, declare it: [extension-points."{points[0].group}"]'
        hint = f"{places(manifest, surveyed)}; {declare}"
        if meant := _meant_group(points, manifest, surveyed):
            place = project_of(distribution.name, surveyed)
            hint = f"did you mean {meant}? fix it in {display(place) if place else 'its metadata'}; {declare}"
        raise PlanError(SUMMARY, [Finding(key, message, hint)])
    if not modules:
        finding = Finding(
            key, f"{_title(distribution)} contributes nothing", _nothing_hint(distribution, manifest, surveyed)
        )
        raise PlanError(SUMMARY, [finding])
    return PlannedPlugin(
        name=row.name,
        distribution=distribution.name,
        version=distribution.version,
        modules=tuple(modules),
        entry_points=points,
        is_looked_up=bool(row.modules or used)
        or any(_is_reached(name, distribution, surveyed) for name in modules)
        or _knows_host(distribution, surveyed),
    )


def misspelled_groups(plugins: Sequence[PlannedPlugin], manifest: Manifest, surveyed: Survey) -> Iterator[str]:
    """Yield a notice for each group that nothing else mentions as a whole, if it resembles one of the host's."""
    for plugin in plugins:
        owner = surveyed.distributions[plugin.distribution]
        groups = dict.fromkeys(point.group for point in plugin.entry_points)
        for group in groups:
            if group in manifest.extension_points or is_mentioned(group, owner, surveyed):
                continue
            meant = _near_group(group, manifest, surveyed)
            if meant and meant not in groups:
                yield f"plugin {plugin.name} extends {group!r}, which nothing else mentions; did you mean {meant!r}?"


def _meant_group(points: Sequence[EntryPoint], manifest: Manifest, surveyed: Survey) -> str | None:
    """Return the group that one of the entry points is probably meant for."""
    found = (_near_group(group, manifest, surveyed) for group in dict.fromkeys(point.group for point in points))
    return next(filter(None, found), None)


def _near_group(group: str, manifest: Manifest, surveyed: Survey) -> str | None:
    """Return the group that the host or the manifest names, and that resembles another one."""
    named = {word for word in surveyed.host.words.strings if "." in word or "_" in word}
    alike = [word for word in {*named, *manifest.extension_points} if abs(len(word) - len(group)) < _ALIKE_LENGTH]
    return next(iter(difflib.get_close_matches(group, sorted(alike), 1, cutoff=_ALIKE)), None)


def unknown_module(key: str, name: str, surveyed: Survey, *, also: Iterable[str] = ()) -> Finding:
    """Return the finding for a module that the manifest names but no locked distribution has.

    It may `also` be meant to be one of these.
    """
    absence = surveyed.interpreter.absence_of(name)
    missing = left_out(name, surveyed)
    if absence is not None and missing is None:
        return Finding(key, absence, ELSEWHERE)
    hint = missing or f"check the spelling{did_you_mean(name, {*surveyed.owners, *also})}"
    return Finding(key, f"no locked distribution has a module {name!r}", hint)


def _title(distribution: Distribution) -> str:
    return f"{distribution.title} {distribution.version}"


def _modules_of(distribution: Distribution, used: Sequence[EntryPoint], surveyed: Survey) -> tuple[str, ...]:
    """Return what opening a plugin imports: the modules of its used entry points, or those that others find by name."""
    if used:
        return tuple(dict.fromkeys(point.module for point in used))
    own = {distribution.name}
    scanned = tuple(name for name in distribution.modules if _is_found_by_name(name, distribution, surveyed))
    if scanned or surveyed.host.name == distribution.name:
        return scanned
    # A distribution that imports by computed names may import whatever its user names. Otherwise, an import statement
    # must name the module; and also if it has entry points, since unused ones are more likely a mistake.
    is_named_by_user = bool(surveyed.importing_by_name - own) and not distribution.plugs
    return tuple(
        name
        for name in distribution.top_level
        if name in distribution.modules
        and not name.startswith("_")
        and (is_named_by_user or surveyed.importing(name) - own)
    )


def _is_reached(module: str, distribution: Distribution, surveyed: Survey) -> bool:
    """Return whether others find a module by its name, or import it by a statement."""
    imported = surveyed.importing(module) - {distribution.name}
    return bool(imported) or _is_found_by_name(module, distribution, surveyed)


def _knows_host(distribution: Distribution, surveyed: Survey) -> bool:
    """Return whether a distribution requires the host, or imports it: then it is for this host."""
    host = surveyed.host
    required = {each.name for each in demands_of(surveyed)(distribution.name, frozenset())}
    return host.name in required or any(map(distribution.imports, host.top_level))


def _is_found_by_name(module: str, distribution: Distribution, surveyed: Survey) -> bool:
    """Return whether others may find a module by scanning: in a namespace package of theirs, or by a prefix.

    The namespace package may be at any depth, and the code that scans it may be a dependency of the host.
    """
    top, own = module.partition(".")[0], {distribution.name}
    if "." in module:
        is_portion = not any(package in distribution.modules for package in _packages(module))
        return is_portion and bool((surveyed.naming(top) | surveyed.mentioning(top)) - own)
    prefixes = [top[: place + 1] for place, letter in enumerate(top) if letter == "_" and 0 < place < len(top) - 1]
    spellings = {spelling for prefix in prefixes for spelling in (prefix, prefix.replace("_", "-"))}
    return any(surveyed.mentioning(prefix) - own for prefix in spellings)


def _packages(module: str) -> Iterator[str]:
    """Yield the packages that contain a module, innermost first."""
    while "." in module:
        module = module.rpartition(".")[0]
        yield module


def _nothing_hint(distribution: Distribution, manifest: Manifest, surveyed: Survey) -> str:
    project = project_of(distribution.name, surveyed)
    if not distribution.modules and project is not None:
        return f"its wheel has no Python modules: check {setting_of_wheels(project)}, in {display(project)}"
    if not distribution.modules:
        return "it has no Python modules: remove the row, or name the distribution that has the code"
    return (
        f"it has no entry point and no module that the host would find by name; {places(manifest, surveyed)}; if the "
        f'host imports it in another way, name the module in its row: modules = ["{distribution.top_level[0]}"]'
    )


def unseen(plugins: Iterable[PlannedPlugin], manifest: Manifest, surveyed: Survey) -> dict[str, str]:
    """Return a line for each plugin that nothing in the bundle looks up, by the plugin's name.

    It says where plugins are looked up, what the plugin contributes instead, and what it costs.
    """
    found = {plugin.name: plugin for plugin in plugins if not plugin.is_looked_up}
    where = places(manifest, surveyed) if found else ""
    lines = {}
    for name, plugin in found.items():
        title = _title(surveyed.distributions[plugin.distribution])
        modules = f"{'module' if len(plugin.modules) == 1 else 'modules'} {', '.join(plugin.modules)}"
        lines[name] = (
            f"plugin {name}: {where}, and nothing in the bundle looks up or imports {title}; it contributes the "
            f"{modules}, and {_price(name, manifest, surveyed)}; if a setting or a user's code names it, say so in its "
            f"row: modules = {json.dumps(plugin.modules)}"
        )
    return lines


def places(manifest: Manifest, surveyed: Survey) -> str:
    """Return a clause that says in which groups, namespace packages and by which prefixes plugins are looked up.

    If the host itself does not, its direct requirements may.
    """
    host = surveyed.host
    found = {host.title: _lookups(host, surveyed) | Lookups.of(groups=manifest.extension_points)}
    if not any(found.values()):
        asked = declared(manifest, surveyed)[0].demand
        others = (surveyed.distributions[each.name] for each in demands_of(surveyed)(host.name, asked.extras))
        found = {each.title: _lookups(each, surveyed) for each in others}
    clauses = [f"{title} looks plugins up {_worded(each)}" for title, each in found.items() if each]
    return "; ".join(clauses) or f"{host.title} is not known to look plugins up anywhere"


def _lookups(distribution: Distribution, surveyed: Survey) -> Lookups:
    try:
        return lookups_of(distribution, surveyed)
    except OSError:  # a file is missing: that is for those to report who need it
        return Lookups()


def _worded(found: Lookups) -> str:
    """Return "in the groups a, b and the namespace package c"."""
    kinds = [("the group", found.groups), ("the namespace package", found.namespaces)]
    inside = [f"{kind}{'' if len(names) == 1 else 's'} {_some(names)}" for kind, names in kinds if names]
    prefixes = [f"by the prefix{'' if len(found.prefixes) == 1 else 'es'} {_some(found.prefixes)}"]
    return " and ".join([*([f"in {' and '.join(inside)}"] if inside else []), *(prefixes if found.prefixes else [])])


def _some(names: Sequence[str]) -> str:
    rest = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {count(rest, 'other')}" if rest > 0 else "")


def _price(name: str, manifest: Manifest, surveyed: Survey) -> str:
    """Return what a row costs: the size of its distribution and of those that nothing else needs."""
    asked, demands = declared(manifest, surveyed), demands_of(surveyed)
    rest = {each.name for each in reached(demands, [each.demand for each in asked if each.row != name])}
    own = next(each.demand for each in asked if each.row == name)
    if own.name in rest:
        return "costs nothing, since something else requires it"
    gone = sorted({each.name for each in reached(demands, [own])} - rest)
    infos = [each.site_packages / each.info for each in map(surveyed.distributions.__getitem__, gone)]
    size = megabytes(sum(recorded_size(info) or 0 for info in infos))
    others = [each for each in gone if each != own.name]
    return f"takes {size}" + (f" with {_some(others)}, which nothing else needs" if others else "")


def is_mentioned(group: str, owner: Distribution, surveyed: Survey) -> bool:
    """Return whether any distribution except its owner has the whole name of a group as a string."""
    return bool(surveyed.mentioning(group) - {owner.name})


def is_looked_up(group: str, manifest: Manifest, surveyed: Survey, owner: str) -> bool:
    """Return whether any distribution except its owner mentions a group, or the manifest declares it.

    A host may build the group's name from parts, so the part before or after its last dot counts, too.
    """
    if group in manifest.extension_points:
        return True
    return any(surveyed.mentioning(word) - {owner} for word in _words(group))


def _words(group: str) -> Iterator[str]:
    yield group
    head, dot, tail = group.rpartition(".")
    if dot:
        yield from (word for word in (head, f"{head}.", tail, f".{tail}") if len(word) >= _SHORTEST_WORD)

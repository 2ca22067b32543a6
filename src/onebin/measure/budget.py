"""Hold what an artifact costs to the budget of its manifest.

Takes the facts of an artifact and what was measured; returns a finding for each budget that is exceeded, with the three
largest causes. Sizes come from the card. Times are medians of several runs on this machine: they are on no card, so
that the same lock makes the same bytes.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from packaging.utils import canonicalize_name

from onebin.errors import Finding, ProcessError
from onebin.manifest import keyed
from onebin.measure.imports import PluginImport, host_module, time_plugin
from onebin.measure.shares import OwnerSize, folder_sizes, share_sizes
from onebin.measure.start import Start, time_start
from onebin.system import display, tell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from onebin.card import Facts
    from onebin.manifest import Manifest
    from onebin.measure.importtime import ImportTimes, ModuleTime

T = TypeVar("T")

_CAUSES = 3
_INDENT = "\n      "
_LEAST_IN_ONE, _MOST_IN_ONE = 0.2, 0.9  # of a part's bytes: less or more than that in one folder says nothing
_IMPORTERS = 3
_BYTES_BELOW, _KILOBYTES_BELOW = 1_000, 1_000_000
_SMALLER = 'leave something out, with [freeze] collect = "lean" or without a plugin, or raise the budget'
_RAISE = "use a smaller plugin, or raise the budget"


@dataclass(frozen=True, kw_only=True)
class Unmeasured:
    """A time that could not be measured: whose it is (a plugin, or None for the start), why, and what to do."""

    plugin: str | None
    reason: str
    hint: str | None


@dataclass(frozen=True, kw_only=True)
class Costs:
    """What an artifact costs: its bytes by owner, and the times that were measured.

    `size` is that of the file or the folder in bytes, and the sum of `owners`.
    """

    size: int
    owners: tuple[OwnerSize, ...]
    plugins: tuple[PluginImport, ...] = ()
    start: Start | None = None
    unmeasured: tuple[Unmeasured, ...] = ()


def sizes_of(facts: Facts, size: int) -> Costs:
    """Return what the card of an artifact of `size` bytes says about its costs, without measuring a time."""
    return Costs(size=size, owners=share_sizes(facts, size))


def has_times(manifest: Manifest) -> bool:
    """Return whether a budget of a manifest needs times to be measured."""
    budget = manifest.budget
    return budget.start_ms is not None or any(each.import_ms is not None for each in budget.plugin.values())


def measure(
    file: Path, facts: Facts, size: int, *, python: Path, manifest: Manifest, everything: bool = False
) -> Costs:
    """Return what an artifact costs, with the times that its budget needs, or with `everything` all times.

    `python` is the stage's, in which plugins are imported.
    """
    budget, failed = manifest.budget, list[Unmeasured]()
    plugins, start = list[PluginImport](), None
    for plugin in facts["plugins"]:
        wanted = budget.plugin.get(plugin["name"])
        if everything or (wanted is not None and wanted.import_ms is not None):
            tell(f"importing {plugin['name']}")
            try:
                most = None if wanted is None else wanted.import_ms
                take = partial(time_plugin, plugin, facts, python)
                plugins.append(lowest(take, lambda found: found.import_ms, most))
            except ProcessError as error:
                failed.append(_unmeasured(plugin["name"], error))
    if everything or budget.start_ms is not None:
        tell(f"starting {facts['bundle']['name']}")
        try:
            take_start = partial(time_start, file, facts, manifest, command=budget.start_command)
            start = lowest(take_start, lambda found: found.start_ms, budget.start_ms)
        except ProcessError as error:
            failed.append(_unmeasured(None, error))
    sizes = share_sizes(facts, size)
    return Costs(size=size, owners=sizes, plugins=tuple(plugins), start=start, unmeasured=tuple(failed))


def lowest(take: Callable[[], T], value: Callable[[T], float], most: float | None) -> T:
    """Return a measurement; one that exceeds its budget is taken again, because the machine may have been busy."""
    first = take()
    return first if most is None or value(first) <= most else min(first, take(), key=value)


def _unmeasured(plugin: str | None, error: ProcessError) -> Unmeasured:
    last = error.tail.strip().splitlines()[-1:] or [f"exit code {error.code}"]
    return Unmeasured(plugin=plugin, reason=last[0], hint=error.hint)


def exceeded(costs: Costs, facts: Facts, manifest: Manifest) -> Iterator[Finding]:
    """Yield a finding for each budget of a manifest that is exceeded, or that a time is missing for."""
    where, budget = display(manifest.file), manifest.budget
    if budget.size is not None and costs.size > budget.size:
        key = keyed(where, "budget", "size")
        yield _too_large(key, costs.size, budget.size, _largest_of_all(costs, facts), "the artifact takes", _SMALLER)
    if budget.start_ms is not None and costs.start is not None and costs.start.start_ms > budget.start_ms:
        yield _slow_start(keyed(where, "budget", "start-ms"), costs.start, budget.start_ms, facts)
    for name, most in budget.plugin.items():
        row = next((each for each in costs.owners if (each.kind, each.owner) == ("plugin", name)), None)
        if most.size is not None and row is not None and row.size > most.size:
            key = keyed(where, "budget", "plugin", name, "size")
            yield _too_large(key, row.size, most.size, _largest_of(row, facts), "its share of the artifact is", _RAISE)
        measured = next((each for each in costs.plugins if each.name == name), None)
        if most.import_ms is not None and measured is not None and measured.import_ms > most.import_ms:
            yield _slow_import(keyed(where, "budget", "plugin", name, "import-ms"), measured, most.import_ms, facts)
    for each in costs.unmeasured:
        path = ("start-ms",) if each.plugin is None else ("plugin", each.plugin, "import-ms")
        if is_budgeted(manifest, each.plugin):
            yield Finding(keyed(where, "budget", *path), f"it cannot be measured: {each.reason}", each.hint)


def is_budgeted(manifest: Manifest, plugin: str | None) -> bool:
    """Return whether a manifest has a budget for the time of the start (None) or of a plugin."""
    if plugin is None:
        return manifest.budget.start_ms is not None
    found = manifest.budget.plugin.get(plugin)
    return found is not None and found.import_ms is not None


def _too_large(key: str, size: int, most: int, causes: Iterable[str], what: str, hint: str) -> Finding:
    over = f"{what} {_shown(size)}, {_shown(size - most)} more than its budget of {_shown(most)}; most of it:"
    return Finding(key, _INDENT.join([over, *causes]), hint)


def _shown(size: int) -> str:
    """Return a size with as many digits as a budget needs."""
    if size < _BYTES_BELOW:
        return f"{size} B"
    return f"{size / 1e6:.1f} MB" if size >= _KILOBYTES_BELOW else f"{size / 1e3:.1f} kB"


def _largest_of_all(costs: Costs, facts: Facts) -> Iterator[str]:
    """Yield the largest parts of an artifact, with those for whom they are there, and their largest folders."""
    sizes, owners = Counter[str](), dict[str, set[str]]()
    for owner in costs.owners:
        for part in owner.parts:
            sizes[part.name] += part.size
            if owner.kind != "other" and canonicalize_name(owner.owner) != part.name:
                owners.setdefault(part.name, set()).add(owner.owner)
    largest = sizes.most_common(_CAUSES)
    folders = folder_sizes(facts, [name for name, _ in largest])
    for name, size in largest:
        notes = [f"for {' and '.join(sorted(owners[name]))}"] if name in owners else []
        folder, most = next(iter(folders[name].items()), ("", 0))
        share = most / max(sum(folders[name].values()), 1)
        if folder and _LEAST_IN_ONE < share < _MOST_IN_ONE:
            notes.append(f"{_shown(round(size * share))} of it in {folder}")
        yield f"{_shown(size):>9}  {name}" + (f" ({'; '.join(notes)})" if notes else "")


def _largest_of(owner: OwnerSize, facts: Facts) -> Iterator[str]:
    """Yield the largest distributions that a plugin needs; of one or two, the largest folders in them."""
    if len(owner.parts) >= _CAUSES:
        for part in owner.parts[:_CAUSES]:
            others = f" (shared by {part.shared_by} plugins)" if part.shared_by > 1 else ""
            yield f"{_shown(part.size):>9}  {part.name}{others}"
        return
    rows = []
    for part in owner.parts:
        folders = folder_sizes(facts, [part.name])[part.name]
        scale = part.size / max(sum(folders.values()), 1)
        found = [(round(size * scale), f"{folder} of {part.name}") for folder, size in folders.items()]
        rows += found or [(part.size, part.name)]
    for size, name in sorted(rows, reverse=True)[:_CAUSES]:
        yield f"{_shown(size):>9}  {name}"


def _slow_start(key: str, start: Start, most: float, facts: Facts) -> Finding:
    what = start.command or f"until {host_module(facts)} is imported"
    how = f"the median of {len(start.runs_ms)} starts of the artifact, {what}"
    return _too_slow(key, start.start_ms, most, how, start.times)


def _slow_import(key: str, found: PluginImport, most: float, facts: Facts) -> Finding:
    after = f" after {host_module(facts)}" if host_module(facts) else ""
    how = f"the median of {found.times.runs} imports in the stage{after}"
    return _too_slow(key, found.import_ms, most, how, found.times)


def _too_slow(key: str, milliseconds: float, most: float, how: str, times: ImportTimes | None) -> Finding:
    over = f"it takes {milliseconds:.1f} ms, {milliseconds - most:.1f} ms more than its budget of {most:g} ms"
    lines = [over, f"({how})"]
    if times is not None:
        lines += ["the slowest modules, each by itself:", *_slowest(times)]
    hint = "import what is slow only where it is needed, or raise the budget; a busy machine is slower"
    return Finding(key, _INDENT.join(lines), hint)


def _slowest(times: ImportTimes) -> Iterator[str]:
    """Yield the modules that take the most time by themselves, and who imports them."""
    rows = {row.module: row for row in times.modules}
    for row in times.modules[:_CAUSES]:
        by = list(_importers(row, rows))
        yield f"{row.self_us / 1000:>6.1f} ms  {row.module}" + (f", imported by {' <- '.join(by)}" if by else "")


def _importers(row: ModuleTime, rows: Mapping[str, ModuleTime]) -> Iterator[str]:
    """Yield the modules that import a module, the nearest first, and not more than a line has room for."""
    for _ in range(_IMPORTERS):
        if row.importer is None:
            return
        yield row.importer
        row = rows[row.importer]

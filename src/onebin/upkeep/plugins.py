"""What is known about a manifest's plugins without a build: what they require, what is locked, what they contribute."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003  # pydantic reads the types of these fields
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from onebin.check import contribution_of, unseen
from onebin.errors import PlanError, StageError
from onebin.lock import read
from onebin.pipeline import ignore, step
from onebin.stage import find, find_nearest
from onebin.survey import recorded_size, survey
from onebin.system import count

if TYPE_CHECKING:
    from onebin.check import PlannedPlugin
    from onebin.lock import Lock
    from onebin.manifest import Manifest, PluginRow
    from onebin.pipeline import BuildRequest, Events
    from onebin.survey import Survey


@dataclass(frozen=True, kw_only=True)
class PluginStatus:
    """One row of `[plugins]`: what it asks for, and what the lock and the stage have for it.

    `distribution` and `locked` are None if the row is not locked as it is now. Of a row that only names modules, they
    are those of the distribution that has them, if it is staged. `contributes` has names of entry points by group,
    `modules` what else opening it imports: modules that the row names, or that are found by their names. `notice` is
    what `onebin check` says if the host does not see the plugin. `size` is that of the distribution's files in bytes.
    All of these are empty or None if the row is not staged; `stage` says whether they are of the stage of the lock, or
    of an earlier one that has the plugin in the locked version. `newest` is the newest release on the index, if that
    was asked for.
    """

    name: str
    wanted: str
    distribution: str | None
    locked: str | None
    contributes: Mapping[str, tuple[str, ...]]
    modules: tuple[str, ...]
    notice: str | None = None
    size: int | None = None
    newest: str | None = None
    stage: Literal["current", "earlier"] | None = None


def list_plugins(request: BuildRequest, events: Events = ignore, *, newest: bool = False) -> tuple[PluginStatus, ...]:
    """Return the status of each plugin, in the order of the manifest; resolves and installs nothing.

    With `newest`, an index is asked for the newest release of each. Raises StageError if the stage is damaged.
    """
    manifest = request.manifest
    lock = read(manifest, request.workspace)
    versions = {package.name: package.version or "local" for package in lock.packages} if lock else {}
    answers: Mapping[str, str | None] = lock.answers if lock else {}
    surveyed, age = _surveyed(lock, request) if lock else (None, None)
    released: Mapping[str, str] = {}
    if newest and lock:
        from onebin.lock import newest_releases  # noqa: PLC0415  # slow to load, and seldom asked for

        names = [row.distribution for row in manifest.plugins if row.path is None and row.distribution]
        with step(events, "index") as outcome:
            released = newest_releases(names, lock.interpreter, request.workspace.directory, request.source)
            outcome.text = f"the newest releases of {count(len(released), 'plugin')}"
    statuses = [
        PluginStatus(
            name=row.name,
            wanted=row.wanted or "modules only",
            distribution=answers.get(row.name),
            locked=versions.get(answers.get(row.name) or ""),
            contributes={},
            modules=row.modules,
            newest=released.get(row.distribution or ""),
        )
        for row in manifest.plugins
    ]
    if surveyed is None:
        return tuple(statuses)
    planned: list[PlannedPlugin] = []
    for number, row in enumerate(manifest.plugins):
        if row.name in surveyed.lock.answers:
            found = _staged(statuses[number], row, manifest, surveyed, planned)
            if age == "current" or found.notice is None:  # what an earlier stage lacks, this one may have
                statuses[number] = replace(found, stage=age)
    notices = unseen(planned, manifest, surveyed)
    return tuple(replace(each, notice=each.notice or notices.get(each.name)) for each in statuses)


def _surveyed(lock: Lock, request: BuildRequest) -> tuple[Survey | None, Literal["current", "earlier"]]:
    """Return what the stage of a lock has; without one, what an earlier stage has of what is locked."""
    cache = request.workspace.cache
    stage = find(lock, cache, moment=request.moment)
    if stage is not None:
        return survey(stage, cache), "current"
    with suppress(OSError, StageError):
        earlier = find_nearest(lock, cache)
        return (survey(earlier, cache) if earlier else None), "earlier"
    return None, "earlier"


def _staged(
    status: PluginStatus, row: PluginRow, manifest: Manifest, surveyed: Survey, planned: list[PlannedPlugin]
) -> PluginStatus:
    """Return a row's status with what the stage has for it, and add the plugin to those that are planned."""
    answer = surveyed.lock.answers[row.name]
    distribution = surveyed.distributions.get(answer or "")
    if distribution is not None:
        size = recorded_size(distribution.site_packages / distribution.info)
        status = replace(status, locked=distribution.version, size=size)
    try:
        plugin = contribution_of(row, manifest, surveyed, "")
    except PlanError as error:
        return replace(status, notice="; ".join(f"{each.message}: {each.hint}" for each in error.findings))
    planned.append(plugin)
    groups: dict[str, tuple[str, ...]] = {}
    for point in plugin.entry_points:
        groups[point.group] = (*groups.get(point.group, ()), point.name)
    reached = {point.module for point in plugin.entry_points}
    modules = row.modules or tuple(name for name in plugin.modules if name not in reached)
    owner = surveyed.distributions[plugin.distribution]
    return replace(status, distribution=owner.name, locked=owner.version, contributes=groups, modules=modules)

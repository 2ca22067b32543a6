"""What is known about a manifest's plugins without a build: what they require, what is locked, what they contribute."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003  # pydantic reads the types of these fields
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from onebin.check import contribution_of, is_looked_up, places, unseen
from onebin.errors import OnebinError, PlanError
from onebin.lock import read
from onebin.manifest import PluginRow, declared_groups
from onebin.stage import find
from onebin.survey import recorded_size, survey

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onebin.check import PlannedPlugin
    from onebin.manifest import Item, Manifest
    from onebin.pipeline.request import BuildRequest
    from onebin.survey import Survey


@dataclass(frozen=True, kw_only=True)
class PluginStatus:
    """One row of `[plugins]`: what it asks for, and what the lock and the stage have for it.

    `distribution` and `locked` are None if the row is not locked as it is now. Of a row that only names modules, they
    are those of the distribution that has them, if it is staged. `contributes` has names of entry points by group,
    `modules` what else opening it imports: modules that the row names, or that are found by their names. `notice` is
    what `onebin check` says if the host does not see the plugin. `size` is that of the distribution's files in bytes.
    All of these are empty or None if the row is not staged. `newest` is the newest release on the index, if that was
    asked for.
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


def list_plugins(request: BuildRequest, *, newest: bool = False) -> tuple[PluginStatus, ...]:
    """Return the status of each plugin, in the order of the manifest; resolves and installs nothing.

    With `newest`, an index is asked for the newest release of each. Raises StageError if the stage is damaged.
    """
    manifest, cache = request.manifest, request.workspace.cache
    lock = read(manifest, request.workspace)
    versions = {package.name: package.version or "local" for package in lock.packages} if lock else {}
    answers: Mapping[str, str | None] = lock.answers if lock else {}
    stage = find(lock, cache, moment=request.moment) if lock else None
    surveyed = survey(stage, cache) if stage else None
    released: Mapping[str, str] = {}
    if newest and lock:
        from onebin.lock import newest_releases  # noqa: PLC0415  # slow to load, and seldom asked for

        names = [row.distribution for row in manifest.plugins if row.path is None and row.distribution]
        released = newest_releases(names, lock.interpreter, request.workspace.directory, request.source)
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
        if row.name in answers:
            statuses[number] = _staged(statuses[number], row, manifest, surveyed, planned)
    notices = unseen(planned, manifest, surveyed)
    return tuple(replace(each, notice=each.notice or notices.get(each.name)) for each in statuses)


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


def expect_plugins(request: BuildRequest, items: Sequence[str]) -> tuple[str, ...]:
    """Return a line for each item of `onebin add` that the host of the existing stage may not see.

    Nothing is installed or built: what a plugin contributes is known if it is staged already, for another reason, or if
    it is a local project or wheel that says so. Without a stage there are no lines. Raises ManifestError.
    """
    from onebin.manifest import read_items  # noqa: PLC0415  # slow to load, and only for `onebin add`

    manifest, cache = request.manifest, request.workspace.cache
    read_as = read_items(items, manifest.directory)
    if not request.workspace.lock_file(manifest.bundle.name).exists():
        return ()
    with suppress(OnebinError):  # whatever is wrong with the lock or the stage, the next build says it
        lock = read(manifest, request.workspace)
        stage = find(lock, cache, moment=request.moment) if lock else None
        if lock and stage:
            surveyed = survey(stage, cache)
            expected = {
                item.name: _expected(item, manifest, surveyed) for item in read_as if item.name not in lock.answers
            }
            unknown = ", ".join(name for name, line in expected.items() if line is None)
            more = [f"{places(manifest, surveyed)}; `onebin check` says whether it sees {unknown}"] if unknown else []
            return (*(line for line in expected.values() if line), *more)
    return ()


def _expected(item: Item, manifest: Manifest, surveyed: Survey) -> str | None:
    """Return a line if the host does not see an item, an empty one if it does, and None if that is not known."""
    name = str(canonicalize_name(item.name))
    if name in surveyed.distributions:
        row = PluginRow(name=item.name, version="")
        lock = replace(surveyed.lock, answers={**surveyed.lock.answers, item.name: name})
        staged = replace(surveyed, stage=replace(surveyed.stage, lock=lock))
        with_row = replace(manifest, plugins=(*manifest.plugins, row))
        try:
            return unseen([contribution_of(row, with_row, staged, "")], with_row, staged).get(item.name, "")
        except PlanError as error:
            return f"plugin {item.name}: {error.findings[0].message}; {error.findings[0].hint}"
    groups = declared_groups(manifest.directory / item.row["path"]) if "path" in item.row else None
    if groups is None:
        return None
    if any(is_looked_up(group, manifest, surveyed, name) for group in groups):
        return ""
    has = f"extends {', '.join(groups)}" if groups else "has no entry points"
    return f"plugin {item.name}: {places(manifest, surveyed)}, and {item.name} {has}"

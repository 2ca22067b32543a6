"""Resolve a plugin against what an artifact holds: manifest and lock are those on its card, and no version changes.

The plugin becomes one more row of that manifest. Everything is written in a private directory. The sources of local
projects are not on a card: either they are where they were, relative to a folder, or the artifact's own files are used.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from onebin.errors import Finding, LockError, OnebinError, PlanError, os_errors
from onebin.lock import Held, LockOptions, changed_packages, interpreter_of, parse, resolve
from onebin.manifest import Manifest, add_plugins, read_items
from onebin.pipeline import BuildRequest, Note, check_locked, step
from onebin.platforms import platform_of, this_platform
from onebin.rebuild import check_lock, check_sources, interpreter_for, local_paths, lock_data, lock_text
from onebin.sidecar.originals import wheels_in
from onebin.system import absolute, count, display, is_there
from onebin.workspace import MANIFEST_NAME, Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from onebin.card import Facts
    from onebin.check import Plan
    from onebin.lock import Lock
    from onebin.pipeline import Events
    from onebin.platforms import Platform
    from onebin.python import PackageSource

_DOING = "pack the plugin"


@dataclass(frozen=True, kw_only=True)
class Target:
    """An artifact as a plugin is resolved against it: its file, its card, and where relative paths start."""

    file: Path
    facts: Facts
    sources: Path
    source: PackageSource
    moment: int

    @property
    def name(self) -> str:
        """The bundle's name."""
        return self.facts["bundle"]["name"]

    @property
    def versions(self) -> dict[str, str]:
        """The version of each distribution in the artifact, by canonical name."""
        return {str(canonicalize_name(each["name"])): each["version"] for each in self.facts["distributions"]}


def planned_with(target: Target, item: str, folder: Path, events: Events, *, isolate: bool) -> tuple[Plan, str]:
    """Return the plan of an artifact's bundle with one more plugin, and the name of the plugin's row.

    `item` is an argument of `onebin add`, `folder` a private directory. Raises OnebinError; a conflict is a LockError
    with both chains.
    """
    file = absolute(target.sources) / MANIFEST_NAME
    own = Manifest.parse(target.facts["manifest"]["text"], file=file)
    platform = _other_platform(target.facts)
    workspace = replace(Workspace.at(file, platform=platform), lock_dir=folder / "lock")
    if platform is None:
        python = interpreter_for(own, target.facts)
    else:
        python = interpreter_of(own, workspace.cache, platform=platform, source=target.source)
    manifest, row = _with_plugin(own, item, target, isolate=isolate)
    wheels = _wheels(own, target, folder, events)
    if wheels:
        manifest = _with_wheels(manifest, target, wheels)
    else:
        check_lock(own, target.facts, python, _DOING)
    request = BuildRequest(
        manifest=manifest,
        workspace=workspace,
        source=replace(target.source, project=file.parent),
        python=python.executable if platform is None else None,
        moment=target.moment,
    )
    try:
        locked = _locked(request, target, folder, events)
        return check_locked(request, locked, events), row
    except OnebinError as error:
        error.message = error.message.replace(f"lock {display(file)}", f"resolve the plugin for {target.name}")
        error.findings = tuple(_readable(finding, manifest, target) for finding in error.findings)
        raise


def _other_platform(facts: Facts) -> Platform | None:
    """Return the platform of an artifact if it is not that of this machine."""
    found = platform_of(facts["interpreter"]["platform"], "gnu" if facts["libc"]["glibc"] else "musl")
    return None if found == this_platform() else found


def _wheels(own: Manifest, target: Target, folder: Path, events: Events) -> dict[str, Path]:
    """Return wheels of the local projects, out of the artifact, if their sources are not here; nothing if they are.

    Raises VerifyError for what is not here and cannot be taken from the artifact. Data files that the manifest adds are
    of no use to a plugin.
    """
    local = [each for each in local_paths(own, target.facts) if not each.is_data]
    gone = [each for each in local if not is_there(own.directory / each.path)]
    if not gone:
        return {}
    names = [each.package for each in local if each.package is not None]
    wheels = wheels_in(target.file, target.facts, names, folder)
    check_sources((each for each in local if each.package not in wheels), own.directory, _DOING)
    titles = " and ".join(sorted(wheels))
    events(Note(text=f"the sources of {titles} are not here: what the artifact has of them is used"))
    return wheels


def _with_wheels(manifest: Manifest, target: Target, wheels: Mapping[str, Path]) -> Manifest:
    """Return the manifest with wheels in place of the local projects of the artifact."""
    named = lock_data(target.facts)["tool"]["onebin"]
    host, plugins = manifest.host, []
    if named["host"] in wheels:
        host = replace(host, path=str(wheels[named["host"]]))
    for row in manifest.plugins:
        wheel = wheels.get(named["plugins"].get(row.name, ""))
        plugins.append(row if wheel is None or row.path is None else replace(row, path=str(wheel)))
    return replace(manifest, host=host, plugins=tuple(plugins))


def _with_plugin(own: Manifest, item: str, target: Target, *, isolate: bool) -> tuple[Manifest, str]:
    """Return the manifest with a row for the plugin, and the row's name."""
    (wanted,) = read_items([item], own.directory)
    name = canonicalize_name(wanted.name)
    rows = {canonicalize_name(row.name) for row in own.plugins} | {row.distribution for row in own.plugins}
    if name in {*target.versions, *rows}:
        version = target.versions.get(str(name), "")
        finding = Finding(wanted.name, f"{target.name} has it: {wanted.name} {version}".rstrip())
        hint = "for another version, build the artifact again; a side-car cannot replace what is there"
        raise PlanError("the plugin is in the artifact already", [replace(finding, hint=hint)])
    manifest = Manifest.parse(add_plugins(own.text, [item], directory=own.directory).text, file=own.file)
    last = replace(manifest.plugins[-1], isolate=isolate)
    return replace(manifest, plugins=(*manifest.plugins[:-1], last)), last.name


def _locked(request: BuildRequest, target: Target, folder: Path, events: Events) -> Lock:
    """Lock the bundle with the plugin, and with the artifact's own versions of everything that it has."""
    like = folder / "like.toml"
    with step(events, "lock") as outcome:
        with os_errors(OnebinError, "write the lock in", folder):
            request.workspace.lock_dir.mkdir()
            like.write_text(lock_text(target.facts), "utf-8", newline="")
        options = LockOptions(
            source=request.source,
            python=request.python,
            moment=request.moment,
            like=like,
            constraints=tuple(_constraints(target.facts)),
            held=tuple(_held(target)),
        )
        try:
            locked = resolve(request.manifest, request.workspace, options)
        except LockError as error:
            if error.findings and error.message.startswith("conflicting"):
                error.hint = "ask for another version of the plugin, or build the artifact again with it"
            raise
        _check_same(locked, target)
        new = len(locked.packages) - len(target.versions)
        outcome.text = f"{count(new, 'package')} that {target.name} does not have"
    return locked


def _constraints(facts: Facts) -> Iterator[str]:
    for package in lock_data(facts)["packages"]:
        if "version" in package:
            yield f"{package['name']}=={package['version']}"


def _held(target: Target) -> Iterator[Held]:
    """Yield what each distribution in the artifact requires, with the version that is there."""
    for each in target.facts["distributions"]:
        for name in each["requires"]:
            yield Held(source=str(canonicalize_name(each["name"])), target=name, version=target.versions[name])


def _check_same(locked: Lock, target: Target) -> None:
    """Raise LockError if the resolution changed anything that the artifact has."""
    old, new = lock_data(target.facts), parse(locked.text)
    commits = [{each["name"]: each.get("vcs", {}).get("commit-id") for each in lock["packages"]} for lock in (old, new)]
    local = {each["name"] for each in old["packages"] if "directory" in each or "archive" in each}
    lines = [
        *(line for line in changed_packages(old, new) if line[0] != "+" and line.split()[1] not in local),
        *(f"~ {name}" for name, commit in commits[0].items() if commits[1].get(name, commit) != commit),
    ]
    if lines:
        hint = "ask for another version of the plugin, or build the artifact again with it"
        findings = [Finding(target.name, line) for line in lines]
        raise LockError(f"the plugin would change what is in {target.name}", hint, findings=findings)


def _readable(finding: Finding, manifest: Manifest, target: Target) -> Finding:
    """Return a finding about a row of the artifact's manifest, which is no file here, by the name of the row."""
    place = finding.place
    if place.file != display(manifest.file):
        return finding
    table, _, rest = (place.key or "").partition(".")
    where = f"plugin {rest}" if table == "plugins" and rest else f"{table or 'manifest'} of {target.name}"
    return replace(finding, where=where)

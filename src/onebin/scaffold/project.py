"""Create a new project: a host with a contract for its plugins, or a plugin that fits the contract of a host."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from onebin.errors import Finding, FindingsError
from onebin.manifest import Manifest, stored_path
from onebin.pipeline import ignore
from onebin.python import INDEXES
from onebin.scaffold.hosts import choose_host, read_host
from onebin.scaffold.lookups import GROUP, Style
from onebin.scaffold.names import check_name, package_name
from onebin.scaffold.plugins import LIBRARIES, PluginWish, describe_plugin
from onebin.scaffold.tree import render_tree, write_tree
from onebin.survey import importable
from onebin.system import absolute, display
from onebin.workspace import MANIFEST_NAME

if TYPE_CHECKING:
    from collections.abc import Collection

    from onebin.pipeline import Events
    from onebin.python import PackageSource

_SUMMARY = "the project was not created"


@dataclass(frozen=True, kw_only=True)
class NewProject:
    """A project that was created: its folder, its files by POSIX path, and what to know and to do next, in lines."""

    directory: Path
    files: tuple[str, ...]
    notes: tuple[str, ...]
    next_steps: tuple[str, ...]


def new_host(directory: Path, *, style: Style = "entry-points") -> NewProject:
    """Create a host that finds its plugins in one of four ways; raises FindingsError, and then writes nothing.

    The last part of `directory` is its name. It has a contract, a plugin of its own, tests and a manifest.
    """
    directory = absolute(directory)
    _check(directory, _needed(style))
    name, package = directory.name, package_name(directory.name)
    group = f"{package}_plugins" if style == "namespace" else f"{package}.plugins"
    values = {
        "name": name,
        "package": package,
        "group": group,
        "style": style,
        "library": LIBRARIES.get(style),
        "contract": f"{package}.contract:Plugin" if style in {"entry-points", "stevedore"} else None,
    }
    steps = ("uv run pytest", "onebin bundle", f"{Path('dist', name)} hello")
    return _create(directory, render_tree(["host/all", f"host/{style}"], values), steps)


def new_plugin(
    directory: Path,
    *,
    host: str | None = None,
    group: str | None = None,
    contract: str | None = None,
    style: Style | None = None,
    source: PackageSource = INDEXES,
    events: Events = ignore,
) -> NewProject:
    """Create a plugin with a stub of everything that its host asks for; raises FindingsError, and then writes nothing.

    The last part of `directory` is its name. `host` is a project's folder, a manifest, or a requirement, which is then
    downloaded. How it finds plugins, in which group, and their contract ("module:Name") is read from its source and its
    manifest. It need only be given if the host says nothing, or several things. Without a host, `group` is needed.
    """
    directory = absolute(directory)
    chosen = None if host is None else choose_host(host)
    _check(directory, ())  # before anything is downloaded
    found = None if chosen is None else read_host(chosen, source, events)
    if group is not None and not GROUP.fullmatch(group):
        finding = Finding(group, "it is not a valid name of a group", 'write words with dots between: "app.plugins"')
        raise FindingsError(_SUMMARY, [finding])
    if style == "namespace" and group is not None and not importable(group):
        raise FindingsError(_SUMMARY, [Finding(group, "it cannot be imported", "name the namespace package")])
    wish = PluginWish(name=directory.name, group=group, contract=contract, style=style)
    described = describe_plugin(wish, chosen, found, directory)
    _check(directory, {canonicalize_name(each) for each in described.needs})
    has_manifest = bool(described.values["starts"])  # which then names the host
    last = ["onebin lint .", "onebin bundle"] if has_manifest else [f"onebin lint .{_host_option(host, directory)}"]
    files = render_tree(["plugin/all"], described.values)
    return _create(directory, files, ("uv run pytest", *last), described.notes)


def _needed(style: Style) -> set[str]:
    return {style} if style in LIBRARIES else set()


def _check(directory: Path, needed: Collection[str]) -> None:
    findings = list(check_name(directory, needed))
    if findings:
        raise FindingsError(_SUMMARY, findings)


def _host_option(host: str | None, directory: Path) -> str:
    """Return --host for a command that is run in the new folder."""
    if host is None:
        return ""
    is_local = Path(host).exists()
    return f" --host {shlex.quote(stored_path(host, directory) if is_local else host)}"


def _create(directory: Path, files: dict[str, str], steps: tuple[str, ...], notes: tuple[str, ...] = ()) -> NewProject:
    if MANIFEST_NAME in files:
        Manifest.parse(files[MANIFEST_NAME], file=directory / MANIFEST_NAME)
    write_tree(directory, files)
    place = display(directory)
    return NewProject(
        directory=directory, files=tuple(sorted(files)), notes=notes, next_steps=(f"cd {shlex.quote(place)}", *steps)
    )

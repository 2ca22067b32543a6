"""Find in the source of a host how it looks up its plugins: by which library, and under which names."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from onebin.scaffold.sources import Sources, last_name
from onebin.survey import SCRIPT_GROUPS, groups_asked_for, importable

if TYPE_CHECKING:
    from collections.abc import Iterator

Style = Literal["entry-points", "pluggy", "stevedore", "namespace"]
STYLES: tuple[Style, ...] = get_args(Style)

# What a group of entry points may be called (packaging specification on entry points).
GROUP = re.compile(r"\w+(\.\w+)*")
_PROJECT = re.compile(r"[\w. -]+")  # whatever else pluggy would take is not the name of a project


@dataclass(frozen=True, kw_only=True)
class Lookup:
    """One way in which a host looks up plugins: by which library, and in which group or namespace package."""

    style: Style
    group: str


def lookups_in(sources: Sources) -> tuple[Lookup, ...]:
    """Return how a host looks up plugins, each group once."""
    found: dict[str, Lookup] = {}
    for module, tree in sources.trees():
        for node in ast.walk(tree):
            for lookup in _lookups(node, module, sources):
                if lookup.group not in SCRIPT_GROUPS:
                    found.setdefault(lookup.group, lookup)
    return tuple(found.values())


def pluggy_project(sources: Sources) -> str | None:
    """Return the name with which a host makes pluggy's markers and manager: a hook must be marked with the same."""
    calls = (
        (module, node)
        for module, tree in sources.trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and last_name(node.func) in {"HookspecMarker", "PluginManager"}
    )
    names = (sources.text(module, _argument(call, "project_name")) for module, call in calls)
    return next((name for name in names if name and _PROJECT.fullmatch(name)), None)


def _lookups(node: ast.AST, module: str, sources: Sources) -> Iterator[Lookup]:
    if isinstance(node, ast.Call) and last_name(node.func) in {"iter_modules", "walk_packages"}:
        for package in _namespaces(_argument(node, "path"), module, sources):
            yield Lookup(style="namespace", group=package)
    for style, wanted in groups_asked_for(node):
        for group in sources.texts(module, wanted):
            if GROUP.fullmatch(group):
                yield Lookup(style=style, group=group)


def _namespaces(path: ast.expr | None, module: str, sources: Sources) -> tuple[str, ...]:
    """Return the package whose path is searched, if others can add modules to it."""
    if isinstance(path, ast.Attribute) and path.attr == "__path__":
        package = _package(path.value, module, sources)
        if package is not None and importable(package) and sources.is_namespace(package):
            return (package,)
    return ()


def _package(node: ast.expr, module: str, sources: Sources) -> str | None:
    match node:
        case ast.Name(id=name):
            found = sources.origin(module, name)
            if found is None or not found.module:
                return None
            return found.module if found.name is None else f"{found.module}.{found.name}"
        case ast.Attribute(value=value, attr=attribute):
            holder = _package(value, module, sources)
            return None if holder is None else f"{holder}.{attribute}"
        case ast.Call(args=[name, *_]) if last_name(node.func) == "import_module":
            return sources.text(module, name)
        case _:
            return None


def _argument(call: ast.Call, keyword: str) -> ast.expr | None:
    return call.args[0] if call.args else _keyword(call, keyword)


def _keyword(call: ast.Call, name: str) -> ast.expr | None:
    return next((each.value for each in call.keywords if each.arg == name), None)

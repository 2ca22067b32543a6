"""Explain why something is not there: how a misspelled name is spelled, where it is declared, what a wheel lacks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from onebin.manifest import PROJECT_FILES, PROJECT_MARKS, key_path, line_of, setting_of_wheels
from onebin.survey import SCRIPT_GROUPS, names_of, source_in
from onebin.system import display, nearest, parse_toml, read_bytes, read_text

if TYPE_CHECKING:
    from pathlib import Path

    from onebin.card import Outcome
    from onebin.survey import Survey

_NOT_IN_PACKAGE = re.compile(r"cannot import name '(\w+)' from (?:partially initialized module )?'([\w.]+)'")
_SCRIPT_TABLES = {"console_scripts": "scripts", "gui_scripts": "gui-scripts"}


def is_missing(reference: str, outcome: Outcome) -> bool:
    """Return whether the error is that "module:attribute" itself leads nowhere, and not one in the code behind it."""
    module, attribute = _parts(reference)
    if outcome["error"] == "ModuleNotFoundError":
        return f"{module}.".startswith(f"{outcome.get('module')}.")
    return outcome["error"] == "AttributeError" and any(
        outcome["message"].endswith(f"has no attribute {part!r}") for part in attribute.split(".")
    )


def meant(reference: str, surveyed: Survey, owner: str) -> str | None:
    """Return what a "module:attribute" that leads nowhere was probably meant to be, by the modules of its owner."""
    module, attribute = _parts(reference)
    modules = surveyed.distributions[owner].modules if owner in surveyed.distributions else {}
    if module not in modules:
        near = nearest(module, modules)
        return near and (f"{near}:{attribute}" if attribute else near)
    first, dot, rest = attribute.partition(".")
    try:
        known = names_of(read_bytes(modules[module]))
    except OSError:
        return None
    near = None if first in known else nearest(first, sorted(known))
    return near and f"{module}:{near}{dot}{rest}"


def declared_at(project: Path, name: str, value: str, group: str = "") -> str | None:
    """Return "file:line" where a project declares an entry point, whatever its build backend; None if it is not found.

    Without a group, the first entry point with that name and value counts.
    """
    for file in (project / each for each in PROJECT_FILES):
        try:
            text = read_text(file)
        except (OSError, ValueError):
            continue
        line = _line_in_tables(text, name, group) or _line_with(text, name, value)
        if line is not None:
            return f"{display(file)}:{line}"
    return None


def left_out(module: str, surveyed: Survey) -> str | None:
    """Return a hint about a module that is in the source of a local project, but not in its wheel; None if it is not.

    The usual cause is a setting of the build backend.
    """
    path = module.replace(".", "/")
    for package in surveyed.lock.projects:
        if package.path is None or module in surveyed.distributions[package.name].modules:
            continue
        found = (source_in(package.path, inside) for inside in (f"{path}.py", f"{path}/__init__.py"))
        file = next(filter(None, found), None)
        if file is not None:
            where = display(package.path / PROJECT_MARKS[0])
            setting = setting_of_wheels(package.path)
            return f"the wheel of {package.name} lacks {display(file)}: check {setting}, in {where}"
    return None


def not_imported(outcome: Outcome) -> str | None:
    """Return the module that an import did not find, also one that a package was asked for."""
    if outcome["error"] == "ModuleNotFoundError":
        return outcome.get("module")
    found = _NOT_IN_PACKAGE.match(outcome["message"]) if outcome["error"] == "ImportError" else None
    return None if found is None else f"{found[2]}.{found[1]}"


def _line_in_tables(text: str, name: str, group: str) -> int | None:
    """Return the line of an entry point in the [project] table of a pyproject.toml (PEP 621)."""
    path = ("project", _SCRIPT_TABLES[group]) if group in SCRIPT_GROUPS else ("project", "entry-points", group)
    try:
        table: object = parse_toml(text)
    except ValueError:
        return None
    for key in (*path, name):
        table = table.get(key) if isinstance(table, dict) else None
    return None if table is None else line_of(key_path((*path, name)), text)


def _line_with(text: str, name: str, value: str) -> int | None:
    """Return the first line that has a name and then a value, with nothing but spaces, quotes and "=" between them."""
    parts = rf"(?<![\w.-]){re.escape(name)}[\"']?\s*=\s*[\"']?{re.escape(value)}(?![\w.])"
    found = re.search(parts, text)
    return None if found is None else text.count("\n", 0, found.start()) + 1


def _parts(reference: str) -> tuple[str, str]:
    module, _, attribute = reference.partition("[")[0].partition(":")
    return module.strip(), attribute.strip()

"""Edit the text of a manifest: create one, add plugins, remove plugins.

An edit takes text and returns text. Everything else in the file stays as it is: comments, order, spacing, line endings,
a missing final newline. `toml` finds the lines to add and remove, tomlkit writes the values, and `tomllib` parses the
result of each edit before it is returned.

An item is an argument of `onebin add`: a requirement (PEP 508), or the path of a project, wheel or source archive.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tomlkit
from packaging.utils import canonicalize_name
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import InlineTable

from onebin.errors import Finding, ManifestError
from onebin.manifest.items import is_path, misspelled, path_problem, read_items, split_extras, stored_path
from onebin.manifest.load import Manifest
from onebin.manifest.problems import ORDER_KEYS, problems_of
from onebin.manifest.projects import check_rows
from onebin.manifest.toml import Statement, key_path, parse_toml, shown, statements
from onebin.system import similar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_FILE = Path("bundle.toml")  # named in errors, because an edit only knows the text
_SOURCES = ("version", "path", "git", "rev", "subdirectory")

_NEW = """\
# What goes into the executable. `onebin bundle` builds it; `onebin add` and `onebin remove` edit the plugins.

[bundle]
{bundle}

# The application that the plugins extend, and how it is started.
[host]
{host}

# Registered in this order. "*" means any version; for a project next to this file: {{ path = "plugins/csv" }}
[plugins]
"""


@dataclass(frozen=True)
class Edited:
    """A manifest's text after an edit; `changes` has one line to print for each thing that was done."""

    text: str
    changes: tuple[str, ...]


def create_manifest(
    *,
    name: str,
    host: str,
    script: str | None = None,
    entry: str | None = None,
    plugins: Sequence[str] = (),
    python: str | None = None,
    directory: Path | None = None,
) -> str:
    """Write a new manifest for `directory` (default: the working directory).

    `host` and each of `plugins` is an item. The host is started by its console `script` or by its `entry`
    ("module:attribute"). Raises ManifestError with everything that is wrong with them.
    """
    directory = directory or Path.cwd()
    tables = {
        "bundle": {"name": name, "python": python},
        "host": {**host_keys(host, directory), "script": script, "entry": entry},
    }
    given = {table: {key: value for key, value in keys.items() if value} for table, keys in tables.items()}
    given["bundle"]["name"] = name
    problems = [(key_path(path), message, hint) for path, message, hint in problems_of(given)]
    if wrong := misspelled(host):
        problems = [("host.package", *wrong), *(each for each in problems if each[0] != "host.package")]
    findings = [Finding(*each) for each in problems]
    if is_path(host) and not wrong and (problem := path_problem(host)):
        findings.append(problem)
    try:
        read_items(plugins, directory)
    except ManifestError as error:
        findings += error.findings
    if findings:
        raise ManifestError("cannot write a manifest from this", findings)
    written = {table: "\n".join(_assignments(keys)) for table, keys in given.items()}
    text = add_plugins(_NEW.format(**written), plugins, directory=directory).text
    check_rows(Manifest.parse(text, file=directory / _FILE))
    return text


def host_keys(item: str, directory: Path) -> dict[str, Any]:
    """Return the keys of `[host]` that name its source, for an item; `directory` is the manifest's."""
    if not is_path(item):
        return {"package": item}
    location, extras = split_extras(item)
    return {"path": stored_path(location, directory), "extras": extras}


def add_plugins(text: str, items: Sequence[str], *, directory: Path) -> Edited:
    """Add a row to `[plugins]` for each item; if the plugin has a row already, update its version or source.

    `directory` is the manifest's: paths are written relative to it. Paths in items are relative to the working
    directory. Raises ManifestError for all invalid items at once, and if the text is not TOML.
    """
    changes: list[str] = []
    paths = [_as_table(row).get("path") for row in _rows(text).values()]
    taken = [directory / path for path in paths if isinstance(path, str)]
    for item in read_items(items, directory, taken=taken):
        rows = _rows(text)
        name = _find(item.name, rows)
        row = _merged(rows.get(name or ""), item.row)
        if name is None:
            text = _checked(text, _insert(text, item.name, row), {**rows, item.name: row})
            changes.append(f"added {key_path([item.name])} = {_written_row(row)}")
        elif row == _as_table(rows[name]):
            changes.append(f"unchanged {key_path([name])}: {_written_row(row)}")
        else:
            text = _checked(text, _replace(text, name, row), {**rows, name: row})
            changes.append(f"changed {key_path([name])}: {_written_row(rows[name])} -> {_written_row(row)}")
    return Edited(text, tuple(changes))


def remove_plugins(text: str, names: Sequence[str]) -> Edited:
    """Remove the rows with these names from `[plugins]`, and the comments on those lines only.

    The names are removed from the `after` and `before` of other rows, and from `[budget.plugin]`, too.

    Raises ManifestError for all names without a row at once, and if the text is not TOML.
    """
    rows = _rows(text)
    canonical = _canonical(rows)
    if unknown := [name for name in names if canonicalize_name(name) not in canonical]:
        raise ManifestError("no such plugin", [_no_such(name, rows) for name in unknown])
    gone = dict.fromkeys(canonical[canonicalize_name(name)] for name in names)
    is_inline = bool(gone) and _inline(text)
    for name in gone:
        del rows[name]
        text = _checked(text, _rewrite(text, rows) if is_inline else _cut(text, ("plugins", name)), rows)
    changes = [f"removed {key_path([name])}" for name in gone]
    for name, value in rows.items():
        row = _without(_as_table(value), {canonicalize_name(one) for one in gone})
        if row != _as_table(value):
            text = _checked(text, _replace(text, name, row), {**rows, name: row})
            changes.append(f"changed {key_path([name])}: {_written_row(value)} -> {_written_row(row)}")
            rows[name] = row
    for name in _budgets(text):
        if canonicalize_name(name) in {canonicalize_name(one) for one in gone}:
            text = _without_budget(text, name)
            changes.append(f"removed {key_path(['budget', 'plugin', name])}")
    return Edited(text, tuple(changes))


def setting_python(text: str) -> Callable[[str], str]:
    """Return a function that returns a manifest's text with a version as `[bundle] python`.

    Raises ManifestError if it is not TOML.
    """
    document: Any = _document(text)

    def with_python(version: str) -> str:
        document["bundle"]["python"] = version
        return str(document.as_string())

    return with_python


def _budgets(text: str) -> dict[str, Any]:
    """Return the budgets of plugins, or nothing if they are not written as such."""
    budget = parse_toml(text, file=_FILE).get("budget")
    found = budget.get("plugin") if isinstance(budget, dict) else None
    return found if isinstance(found, dict) else {}


def _without_budget(text: str, name: str) -> str:
    document: Any = _document(text)
    del document["budget"]["plugin"][name]
    after: str = document.as_string()
    if _budgets(after) != {key: value for key, value in _budgets(text).items() if key != name}:
        raise _not_editable()
    return after


def _without(row: Mapping[str, Any], gone: set[str]) -> dict[str, Any]:
    """Return a row whose `after` and `before` no longer name the removed plugins."""
    left: dict[str, Any] = {}
    for key, value in row.items():
        is_order = key in ORDER_KEYS and isinstance(value, list)
        kept = [name for name in value if canonicalize_name(str(name)) not in gone] if is_order else value
        if kept or not is_order:
            left[key] = kept
    return left or {"version": "*"}


def _no_such(name: str, rows: Mapping[str, Any]) -> Finding:
    meant = similar(name, rows)
    known = f"the plugins are {', '.join(rows)}" if rows else "there are no plugins"
    return Finding("plugins", f"there is no plugin {shown(name)}", f"did you mean {meant}?" if meant else known)


# Rows ---------------------------------------------------------------------------------------------------------


def _rows(text: str) -> dict[str, Any]:
    rows = parse_toml(text, file=_FILE).get("plugins", {})
    if not isinstance(rows, dict):
        finding = Finding("plugins", f"expected a table, found {shown(rows)}", "write its rows below [plugins]")
        raise ManifestError("the plugins cannot be edited", [finding])
    return rows


def _canonical(rows: Mapping[str, Any]) -> dict[str, str]:
    return {canonicalize_name(name): name for name in rows}


def _find(name: str, rows: Mapping[str, Any]) -> str | None:
    """Return the row with this name, or else the only row whose `package` has this name."""
    wanted = canonicalize_name(name)
    packages = [row for row in rows if wanted == canonicalize_name(str(_as_table(rows[row]).get("package", "")))]
    return _canonical(rows).get(wanted) or (packages[0] if len(packages) == 1 else None)


def _as_table(value: object) -> dict[str, Any]:
    return dict(value) if isinstance(value, dict) else {"version": value}


def _merged(old: object, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row updated with an item; an item without a version or source keeps those of the row."""
    kept = {} if old is None else _as_table(old)
    if asked.keys() & set(_SOURCES):
        kept = {key: value for key, value in kept.items() if key not in _SOURCES}
    row = {**{key: asked[key] for key in _SOURCES if key in asked}, **kept, **asked}
    return row if old is not None or row.keys() & set(_SOURCES) else {"version": "*", **row}


def _written(value: object) -> str:
    match value:
        case dict():
            inner = ", ".join(_assignments(value))
            return f"{{ {inner} }}" if inner else "{}"
        case list():
            return f"[{', '.join(map(_written, value))}]"
        case _:
            return str(tomlkit.item(value).as_string())


def _written_row(value: object) -> str:
    table = _as_table(value)
    return _written(table["version"] if table.keys() == {"version"} else table)


def _assignments(table: Mapping[str, object]) -> list[str]:
    return [f"{_key(key)} = {_written(value)}" for key, value in table.items()]


def _key(name: str) -> str:
    return tomlkit.key(name).as_string()


# The text -----------------------------------------------------------------------------------------------------


def _about(text: str, path: tuple[str, ...]) -> list[Statement]:
    found = [one for one in statements(text) if _holds(one, path)]
    if not found:  # a value with so many lines that `statements` gave up
        raise _not_editable()
    return found


def _holds(statement: Statement, path: tuple[str, ...]) -> bool:
    """Return whether a statement sets something at `path` or below it."""
    depth = len(statement.table)
    if depth >= len(path) or statement.table != path[:depth]:
        return statement.table[: len(path)] == path
    node: Any = statement.data
    for key in path[depth:]:
        if not isinstance(node, dict) or key not in node:
            return False
        node = node[key]
    return True


def _insert(text: str, name: str, row: Mapping[str, Any]) -> str:
    """Add a row after the last one, in the form of the existing rows: lines, dotted keys or tables."""
    if _inline(text):
        return _rewrite(text, {**_rows(text), name: row})
    line = f"{_key(name)} = {_written_row(row)}"
    found = list(statements(text))
    if tables := [one for one in found if one.table[:1] == ("plugins",) and len(one.table) > 1]:
        return _splice(text, tables[-1].last, ["", f"[plugins.{_key(name)}]", *_assignments(row)])
    if rows := [one for one in found if one.table == ("plugins",)]:
        return _splice(text, rows[-1].last, [line])
    if dotted := [one for one in found if not one.table and "plugins" in one.data]:
        return _splice(text, dotted[-1].last, [f"plugins.{line}"])
    lines = text.split("\n")
    host = [one.last for one in found if one.table == ("host",)]
    after = host[-1] if host else len(lines) - (not lines[-1])
    follows = bool(lines[after].strip()) if after < len(lines) else False
    return _splice(text, after, ["", "[plugins]", line, *([""] if follows else [])])


def _replace(text: str, name: str, row: Mapping[str, Any]) -> str:
    """Change the keys of a row; if they are on lines of their own, the other lines stay as they are."""
    document = _document(text)
    rows: Any = document["plugins"]
    if isinstance(rows, InlineTable):
        return _rewrite(text, {**_rows(text), name: row})
    if isinstance(rows[name], InlineTable) or not isinstance(rows[name], MutableMapping):
        rows[name] = tomlkit.value(_written_row(row))
        return document.as_string()
    for key in row.keys() & rows[name].keys():
        if rows[name][key] != row[key]:
            rows[name][key] = tomlkit.value(_written(row[key]))
    path = ("plugins", name)
    text = document.as_string()
    for key in [key for key in row if key not in rows[name]]:
        last = _about(text, path)[-1]
        prefix = "".join(f"{_key(part)}." for part in path[len(last.table) :])
        text = _splice(text, last.last, [f"{prefix}{key} = {_written(row[key])}"])
    for key in [key for key in rows[name] if key not in row]:
        text = _cut(text, (*path, key))
    return text


def _inline(text: str) -> bool:
    return isinstance(_document(text).get("plugins"), InlineTable)


def _rewrite(text: str, rows: Mapping[str, Any]) -> str:
    document = _document(text)
    tables = {name: _as_table(row) for name, row in rows.items()}
    short = {name: row["version"] if row.keys() == {"version"} else row for name, row in tables.items()}
    document["plugins"] = tomlkit.value(_written(short))
    return document.as_string()


def _splice(text: str, after: int, new: Sequence[str]) -> str:
    """Insert lines after the first `after` lines, with the line endings of the text."""
    end = "\r\n" if "\r\n" in text else "\n"
    lines = text.split("\n")
    if after == len(lines):  # the text has no final newline
        return text + "".join(end + line for line in new)
    return "\n".join([*lines[:after], *(f"{line}{end[:-1]}" for line in new), *lines[after:]])


def _cut(text: str, path: tuple[str, ...]) -> str:
    """Remove the statements that set something at `path`, and one of the two blank lines around a table."""
    lines = text.split("\n")
    found = _about(text, path)
    gone = {number for one in found for number in range(one.first, one.last + 1)}
    around = lines[found[0].first - 2 : found[0].first - 1] + lines[found[-1].last : found[-1].last + 1]
    if found[0].table == path and len(around) == 2 and not "".join(around).strip():
        gone.add(found[-1].last + 1)
    kept = "\n".join(line for number, line in enumerate(lines, 1) if number not in gone)
    return kept if text.endswith("\n") else kept.removesuffix("\r")


def _checked(before: str, after: str, rows: Mapping[str, Any]) -> str:
    """Return `after`, if it differs from `before` in the rows of `[plugins]` only."""
    wanted = {**parse_toml(before, file=_FILE), "plugins": {name: _as_table(row) for name, row in rows.items()}}
    found = parse_toml(after, file=_FILE)
    found["plugins"] = {name: _as_table(row) for name, row in found.get("plugins", {}).items()}
    if found != wanted:
        raise _not_editable()
    return after


def _document(text: str) -> tomlkit.TOMLDocument:
    try:
        return tomlkit.parse(text)
    except (TOMLKitError, RecursionError) as error:
        raise _not_editable() from error


def _not_editable() -> ManifestError:
    finding = Finding("plugins", "onebin cannot edit a table in this form", "edit it by hand")
    return ManifestError("the plugins cannot be edited", [finding])

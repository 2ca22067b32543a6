"""What is wrong with a manifest: pydantic's errors and broken rules, worded for its readers, with line numbers."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from packaging.utils import canonicalize_name
from pydantic import (
    ValidationError,
)
from pydantic_core import ErrorDetails

from onebin.errors import Finding
from onebin.manifest import fields as kinds
from onebin.manifest.document import TABLES, Document, table_at
from onebin.manifest.model import Budget, ExtensionPoint, Freeze, Host, PluginTable, Table
from onebin.manifest.tables import FULL
from onebin.manifest.toml import key_path, lines, shown
from onebin.system import display, either, similar

# The keys of a plugin's row that name other rows.
ORDER_KEYS = frozenset({"after", "before"})

# The keys of a plugin's row that do not name its source.
_NOT_SOURCES = ORDER_KEYS | {"isolate", "timeout"}


class Problem(NamedTuple):
    """One problem of a manifest, at a path of keys; its line is not known yet."""

    path: tuple[str | int, ...]
    message: str
    hint: str | None


def problems_of(document: Mapping[str, Any]) -> list[Problem]:
    """Return everything that is wrong with a manifest, given as the tables that `tomllib` reads."""
    return [*wrong_values(document, Document), *broken_rules(document)]


def wrong_values(document: Mapping[str, Any], model: type[Table]) -> Iterator[Problem]:
    """Yield what pydantic finds in a document of a kind: unknown keys, missing ones, and values that are wrong."""
    try:
        model.model_validate(document)
    except ValidationError as error:
        for each in error.errors(include_url=False):
            yield _problem(each, model)


def broken_rules(document: Mapping[str, Any]) -> Iterator[Problem]:
    """Check which keys are used together; this looks at the keys only, even if their values are wrong."""
    if isinstance(host := document.get("host"), dict):
        yield from _broken_in(host, Host, ("host",))
    freeze = document.get("freeze")
    yield from _broken_in(freeze if isinstance(freeze, dict) else {}, Freeze, ("freeze",))
    budget = document.get("budget")
    yield from _broken_in(budget if isinstance(budget, dict) else {}, Budget, ("budget",))
    points = document.get("extension-points")
    for name, point in points.items() if isinstance(points, dict) else ():
        yield from _broken_in(point if isinstance(point, dict) else {}, ExtensionPoint, ("extension-points", name))
    rows = document.get("plugins")
    seen: dict[str, str] = {}
    for name, row in rows.items() if isinstance(rows, dict) else ():
        path = ("plugins", name)
        first = seen.setdefault(canonicalize_name(name), name)
        if first != name:
            yield Problem(path, f"the same name as {key_path(('plugins', first))} (PEP 503)", "remove one of the two")
        table = row if isinstance(row, dict) else {}
        yield from _broken_in(table, PluginTable, path)
        modules_only = table.keys() - _NOT_SOURCES == {"modules"} and table["modules"]
        elsewhere = table.keys() & {"path", "package"} or modules_only
        if not elsewhere and re.fullmatch(kinds.ROW_NAME, name) and not re.fullmatch(kinds.NAME, name):
            yield Problem(path, f"{shown(name)} is not a package name (PEP 508)", 'add package = "NAME" to the row')
    yield from _unknown_neighbours(rows if isinstance(rows, dict) else {})
    plugins = budget.get("plugin") if isinstance(budget, dict) else None
    yield from _unknown_plugins(plugins if isinstance(plugins, dict) else {}, rows if isinstance(rows, dict) else {})
    matrix = document.get("matrix")
    yield from _broken_matrix(matrix if isinstance(matrix, dict) else {}, rows if isinstance(rows, dict) else {})
    side_cars = document.get("side-cars")
    if isinstance(side_cars, dict):
        yield from _broken_side_cars(side_cars, freeze if isinstance(freeze, dict) else {})


def _broken_side_cars(side_cars: Mapping[str, Any], freeze: Mapping[str, Any]) -> Iterator[Problem]:
    """Report a layout that cannot have side-cars, and keys that could take back their own revocation."""
    if freeze.get("layout") == "onefile":
        message = 'side-cars need an installation, and layout = "onefile" has none'
        yield Problem(("side-cars",), message, 'use layout = "cached" or "onedir", or remove [side-cars]')
    keys = {each: name for name, each in _blobs(side_cars.get("keys"))}
    for name, each in _blobs(side_cars.get("revocation-keys")):
        if each in keys:
            message = f"{shown(name)} is in `keys`, too: whoever has it could also take back what was revoked"
            yield Problem(("side-cars", "revocation-keys"), message, "make another key for revocations")


def _blobs(lines: object) -> Iterator[tuple[str, str]]:
    """Yield each line of a list of public keys, and the key in it: comments do not count."""
    for line in lines if isinstance(lines, list) else ():
        if isinstance(line, str) and len(line.split()) > 1:
            yield line, line.split()[1]


def _unknown_plugins(budgets: Mapping[str, Any], rows: Mapping[str, Any]) -> Iterator[Problem]:
    """Report budgets for plugins that the manifest does not have, and second ones for a plugin."""
    known = {canonicalize_name(name): name for name in rows}
    seen: dict[str, str] = {}
    for name in budgets:
        path = ("budget", "plugin", name)
        first = seen.setdefault(canonicalize_name(name), name)
        if canonicalize_name(name) not in known:
            others = [row for row in rows if row not in budgets]
            yield Problem(path, f"there is no plugin {shown(name)}", _other_names(name, others))
        elif first != name:
            yield Problem(path, f"the same plugin as {key_path(('budget', 'plugin', first))}", "remove one of the two")


def _broken_matrix(matrix: Mapping[str, Any], rows: Mapping[str, Any]) -> Iterator[Problem]:
    """Report variants that name unknown plugins, or are called `full`, and rows that name unknown variants."""
    variants = matrix.get("variants")
    variants = variants if isinstance(variants, dict) else {}
    known = {canonicalize_name(name) for name in rows}
    for name, plugins in variants.items():
        path = ("matrix", "variants", name)
        if name == FULL:
            yield Problem(path, f"{shown(FULL)} always has all plugins", "remove it, or give it another name")
        for plugin in plugins if isinstance(plugins, list) else ():
            if isinstance(plugin, str) and canonicalize_name(plugin) not in known:
                yield Problem(path, f"there is no plugin {shown(plugin)}", _other_names(plugin, [*rows]))
    for key in ("include", "exclude"):
        found = matrix.get(key)
        for number, row in enumerate(found if isinstance(found, list) else ()):
            variant = row.get("variant") if isinstance(row, dict) else None
            if row == {}:
                yield Problem(("matrix", key, number), "it names nothing", "name a python, a platform or a variant")
            if isinstance(variant, str) and variant not in {FULL, *variants}:
                names = ", ".join(dict.fromkeys([*variants, FULL]))
                hint = f"the variants are {names}" if variants else f"the only variant is {FULL}"
                yield Problem(("matrix", key, number), f"there is no variant {shown(variant)}", hint)


def _other_names(name: str, rows: Sequence[str]) -> str:
    near = similar(name, rows)
    known = f"the other plugins are {', '.join(rows)}" if rows else "there are no other plugins"
    return f"did you mean {near}?" if near else known


def _unknown_neighbours(rows: Mapping[str, Any]) -> Iterator[Problem]:
    """Report names in `after` and `before` that are not the name of another row."""
    known = {canonicalize_name(name): name for name in rows}
    for name, row in rows.items():
        for key in sorted(ORDER_KEYS & row.keys()) if isinstance(row, dict) else ():
            for other in row[key] if isinstance(row[key], list) else ():
                if not isinstance(other, str) or not re.fullmatch(kinds.ROW_NAME, other):
                    continue  # reported by the field's own check
                meant = known.get(canonicalize_name(other))
                if meant is None:
                    hint = _other_names(other, [each for each in rows if each != name and each not in row[key]])
                    yield Problem(("plugins", name, key), f"there is no plugin {shown(other)}", hint)
                elif meant == name:
                    yield Problem(("plugins", name, key), f"{shown(other)} is the plugin itself", "name another one")


def _broken_in(table: Mapping[str, Any], model: type[Table], path: tuple[str, ...]) -> Iterator[Problem]:
    meant = {similar(key, model.known_keys()) or key: key for key in table}  # a typo is one finding, not two
    for group in model.exactly_one:
        if not meant.keys() & set(group):
            yield Problem(path, f"expected {either(group)}, found none", f'add one, for example {group[0]} = "..."')
    for group in (*model.exactly_one, model.at_most_one):
        present = [key for key in meant if key in group]
        for other in present[1:]:
            message = f"`{present[0]}` and `{other}` cannot be used together"
            yield Problem((*path, meant[other]), message, "keep one of them")
    for key, others in model.needs.items():
        if key in meant and not meant.keys() & set(others):
            hint = f"add {either(others)}" + ("" if key == "git" else f", or remove `{key}`")
            if (key, "package" in meant) == ("extras", True):
                hint = 'write them in the requirement: package = "NAME[EXTRA]"'
            yield Problem((*path, meant[key]), f"`{key}` needs {either(others)}", hint)
    for (key, value), (other, only) in model.only_with.items():
        if key in meant and table[meant[key]] == value and table.get(meant.get(other, ""), only) != only:
            message = f'{key} = "{value}" needs {other} = "{only}"'
            yield Problem((*path, meant[key]), message, f"remove `{other}`, or remove `{key}`")


_QUOTED = re.compile(r"'([^']*)'")
_EXPECTED = {
    "string_type": ("a string", 'write it in quotes: "..."'),
    "bool_type": ("true or false", "write it without quotes"),
    "float_type": ("a number", "write it without quotes"),
    "int_type": ("an integer", "write it without quotes"),
    "tuple_type": ("a list", 'write it in brackets: {key} = ["..."]'),
    "model_type": ("a table", "write its keys below a header: [{path}]"),
    "dict_type": ("a table", "write its keys below a header: [{path}]"),
}


def _problem(error: ErrorDetails, model: type[Table]) -> Problem:
    """Word an error of pydantic in a document of a kind for its readers."""
    path = error["loc"][:-1] if error["loc"][-1] == "[key]" else error["loc"]
    key = key_path(tuple(part for part in path if isinstance(part, str))[-1:])
    context = error.get("ctx", {})
    match error["type"]:
        case "onebin":
            return Problem(path, context["message"], context["hint"])
        case "missing" if len(path) == 1:
            return Problem(path, f"the table [{key}] is missing", f"add [{key}]")
        case "missing":
            return Problem(path, f"`{key}` is missing in [{key_path(path[:-1])}]", f'add {key} = "..."')
        case "extra_forbidden":
            return _unknown(path, error["input"], model)
        case "literal_error" | "greater_than" | "greater_than_equal" | "less_than_equal" as kind:
            bound = {
                "greater_than": "more than {gt}",
                "greater_than_equal": "at least {ge}",
                "less_than_equal": "at most {le}",
            }.get(kind, "{expected}")
            expected, hint = bound.format(**context).replace("'", '"'), _meant(error)
        case kind:
            expected, hint = _EXPECTED.get(kind, (error["msg"], None))
    hint = hint and hint.format(key=key, path=key_path(path))
    return Problem(path, f"expected {expected}, found {shown(error['input'])}", hint)


def _meant(error: ErrorDetails) -> str | None:
    """Return which of the known values was probably meant, if the value must be one of some."""
    known = _QUOTED.findall(str(error.get("ctx", {}).get("expected", "")))
    meant = similar(error["input"], known) if isinstance(error["input"], str) else None
    return None if meant is None else f'did you mean "{meant}"?'


def _unknown(path: tuple[str | int, ...], value: object, model: type[Table]) -> Problem:
    """Guess what an unknown key was meant to be: a typo, a key of another table, or a name that needs quotes."""
    *above, key = map(str, path)
    written = key_path((key,))
    known = table_at(above, model).known_keys()
    elsewhere = [table for table in ("bundle", "host", "lock", "freeze", "target") if key in TABLES[table].known_keys()]
    hint = f"known keys: {', '.join(known)}"
    if elsewhere and len(above) < 2 and model is Document:
        hint = f"it belongs in [{elsewhere[0]}]"
    elif meant := similar(key, known):
        hint = f"did you mean `{meant}`?"
    elif len(above) == 2 and (isinstance(value, dict) or above[0] == "plugins"):
        hint = f"a name with a dot needs quotes: {key_path((f'{above[1]}.{key}',))}; {hint}"
    return Problem(path, f"unknown {'key' if above else 'table or key'} `{written}`", hint)


def located(found: list[Problem], text: str, file: Path) -> list[Finding]:
    """Return problems as findings, in the order of the lines in the file."""
    positions = lines(text)
    findings: list[tuple[int, Finding]] = []
    for path, message, hint in found:
        names = tuple(map(str, path))
        ancestors = (positions.get(names[:length], 0) for length in range(len(path), 0, -1))
        line = next(filter(None, ancestors), 0)
        where = f"{display(file)}:{line}: {key_path(path)}" if line else f"{display(file)}: {key_path(path)}"
        findings.append((line, Finding(where, message, hint)))
    return [finding for _, finding in sorted(findings, key=lambda item: item[0])]

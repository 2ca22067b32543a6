"""Find the names under which a distribution looks plugins up, in its source; nothing is imported.

These are groups of entry points (as `importlib.metadata`, pkg_resources, pluggy and stevedore are asked for them),
namespace packages whose modules it lists or imports by computed names, and prefixes of top-level modules.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from onebin.survey.entry_points import SCRIPT_GROUPS
from onebin.survey.syntax import imports_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from onebin.survey.distribution import Distribution
    from onebin.survey.index import Survey

Library = Literal["entry-points", "pluggy", "stevedore"]

# Functions that get a group: of which library, as this keyword, and as their argument at this place.
_BY_GROUP: Mapping[str, tuple[Library, str, int | None]] = {
    "entry_points": ("entry-points", "group", None),
    "select": ("entry-points", "group", None),
    "iter_entry_points": ("entry-points", "group", 0),
    "get_entry_map": ("entry-points", "group", 1),
    "get_entry_info": ("entry-points", "group", 1),
    "load_setuptools_entrypoints": ("pluggy", "group", 0),
}
# The ends of the names of stevedore's classes.
_MANAGERS = ("ExtensionManager", "DriverManager", "HookManager")
_SCANNERS = (b"iter_modules", b"walk_packages")
_COMPUTED = (ast.JoinedStr, ast.BinOp, ast.Call)
_IMPORTERS = frozenset({"import_module", "__import__"})
_TELLING = re.compile(
    rb"\b(?:entry_points|iter_entry_points|get_entry_map|get_entry_info|load_setuptools_entrypoints|PluginManager"
    rb"|stevedore|iter_modules|walk_packages|import_module|__import__)\b"
    rb"|\.group\s*(?:[=!]=|(?:not\s+)?in\b)|[=!]=\s*\w+\.group\b"
)
# Shorter ones, and those of private names, are not for plugins.
_PREFIX = re.compile(r"[A-Za-z][\w-]+[_-]")
_IS_SHARED = re.compile(rb"\b(?:extend_path|declare_namespace)\s*\(")


@dataclass(frozen=True, kw_only=True)
class Lookups:
    """Names under which plugins are looked up, sorted: groups, namespace packages, and prefixes of modules."""

    groups: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()

    @classmethod
    def of(cls, *, groups: Iterable[str], namespaces: Iterable[str] = (), prefixes: Iterable[str] = ()) -> Lookups:
        """Return these names, sorted and each once."""
        return cls(
            groups=tuple(sorted({*groups} - SCRIPT_GROUPS)),
            namespaces=tuple(sorted({*namespaces})),
            prefixes=tuple(sorted({*prefixes})),
        )

    def __bool__(self) -> bool:
        """Return whether there are any."""
        return bool(self.groups or self.namespaces or self.prefixes)

    def __or__(self, other: Lookups) -> Lookups:
        """Return the names of both."""
        return Lookups.of(
            groups=[*self.groups, *other.groups],
            namespaces=[*self.namespaces, *other.namespaces],
            prefixes=[*self.prefixes, *other.prefixes],
        )


def lookups_of(distribution: Distribution, survey: Survey) -> Lookups:
    """Return the names under which a distribution looks plugins up; raises OSError.

    A group with a dot counts, too, if the source has it as a whole string and a distribution of the bundle extends it.
    """
    found = _Names()
    for module, file in distribution.modules.items():
        source = file.read_bytes() if file.suffix == ".py" else b""
        if _TELLING.search(source):
            package = module if file.stem == "__init__" else module.rpartition(".")[0]
            _read(source, package, found)
    constants = set(_constants(found.unknown, distribution))
    extended = {point.group for each in survey.distributions.values() for point in each.entry_points}
    named = {group for group in extended if "." in group and distribution.name in survey.mentioning(group)}
    groups = found.groups | constants | named
    packages = found.packages | {name for name in found.likely if survey.has_module(name)}
    return Lookups.of(
        groups=groups or found.projects,
        namespaces=(name for name in packages if _is_namespace(name, survey)),
        prefixes=found.prefixes,
    )


def _is_namespace(name: str, survey: Survey) -> bool:
    """Return whether any distribution may put modules into a package: it has no file, or one that says so."""
    if name in survey.interpreter.standard_library or not all(part.isidentifier() for part in name.split(".")):
        return False
    owner = survey.owners.get(name)
    file = survey.distributions[owner].modules[name] if owner else None
    return file is None or (file.suffix == ".py" and _IS_SHARED.search(file.read_bytes()) is not None)


def _constants(names: Iterable[str], distribution: Distribution) -> Iterator[str]:
    """Yield the texts that the source of a distribution assigns to variables of these names."""
    words = "|".join(sorted(map(re.escape, names)))
    if words:
        pattern = re.compile(rf"""^\s*(?:{words})\s*(?::[^=\n]+)?=\s*["']([\w.:-]+)["']\s*(?:#.*)?$""", re.MULTILINE)
        for file in distribution.files.python:
            yield from pattern.findall(file.read_text("utf-8", "replace"))


@dataclass(frozen=True)
class _Names:
    """What was read: names of groups, of constants for them, of pluggy's projects, of packages, and prefixes.

    `packages` are those from which a computed name is imported; `likely` are named where modules are listed or imported
    by computed names.
    """

    groups: set[str] = field(default_factory=set)
    unknown: set[str] = field(default_factory=set)
    projects: set[str] = field(default_factory=set)
    packages: set[str] = field(default_factory=set)
    likely: set[str] = field(default_factory=set)
    prefixes: set[str] = field(default_factory=set)


def _read(source: bytes, package: str, found: _Names) -> None:
    """Add the names in one module; nothing if it is not for this Python."""
    try:
        nodes = [*ast.walk(ast.parse(source))]
    except (SyntaxError, ValueError, RecursionError):
        return
    values = dict(pair for node in nodes for pair in _assigned(node))
    scans = any(word in source for word in _SCANNERS)
    for node in nodes:
        for _, value in groups_asked_for(node, stevedore=b"stevedore" in source):
            found.groups.update(_texts(value, values))
            found.unknown.update(name for name in [_name(value)] if name.isupper() and name not in values)
        if isinstance(node, ast.Call):
            if _name(node.func) == "PluginManager" and node.args:
                found.projects.update(_texts(node.args[0], values))
            elif _name(node.func) in _IMPORTERS and node.args and isinstance(node.args[0], _COMPUTED):
                found.packages.update(_around(_beginning(node.args[0], values)))
            elif scans and _name(node.func) == "startswith" and node.args:
                found.prefixes.update(text for text in _texts(node.args[0], values) if _PREFIX.fullmatch(text))
        elif isinstance(node, ast.JoinedStr | ast.BinOp):
            found.likely.update(_around(_beginning(node, values)))
    if scans:
        found.likely.update(each.target for each in imports_of(source, package))


def _assigned(node: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield names with the texts that are assigned to them, or are the defaults of arguments."""
    pairs: list[tuple[ast.AST, ast.AST | None]] = []
    if isinstance(node, ast.Assign):
        pairs = [(target, node.value) for target in node.targets]
    elif isinstance(node, ast.AnnAssign):
        pairs = [(node.target, node.value)]
    elif isinstance(node, ast.arguments):
        pairs = [*zip([*node.posonlyargs, *node.args][::-1], node.defaults[::-1], strict=False)]
        pairs += zip(node.kwonlyargs, node.kw_defaults, strict=True)
    for target, value in pairs:
        name = target.arg if isinstance(target, ast.arg) else _name(target)
        if name and isinstance(value, ast.Constant) and isinstance(value.value, str):
            yield name, value.value


def groups_asked_for(node: ast.AST, *, stevedore: bool = True) -> Iterator[tuple[Library, ast.expr]]:
    """Yield the expressions for groups in a node, each with the library that is asked for it.

    They are arguments, keys of `entry_points()`, and what a `.group` is compared to. Without `stevedore`, a name like
    that of one of its classes is not taken for it.
    """
    if isinstance(node, ast.Call):
        yield from _arguments(node, stevedore=stevedore)
        if _name(node.func) == "get" and isinstance(node.func, ast.Attribute) and _is_all(node.func.value):
            yield from (("entry-points", each) for each in node.args[:1])
    elif isinstance(node, ast.Subscript) and _is_all(node.value):
        yield "entry-points", node.slice
    elif isinstance(node, ast.Compare):
        sides = [node.left, *node.comparators]
        if any(isinstance(side, ast.Attribute) and side.attr == "group" for side in sides):
            yield from (("entry-points", side) for side in sides)


def _arguments(call: ast.Call, *, stevedore: bool) -> Iterator[tuple[Library, ast.expr]]:
    name = _name(call.func)
    known = _BY_GROUP.get(name)
    if known is None and stevedore and name.endswith(_MANAGERS):
        known = ("stevedore", "namespace", 0)
    if known is not None:
        library, keyword, place = known
        yield from ((library, each.value) for each in call.keywords if each.arg == keyword)
        if place is not None:
            yield from ((library, each) for each in call.args[place : place + 1])


def _is_all(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and _name(node.func) == "entry_points" and not node.keywords


def _texts(node: ast.AST, values: Mapping[str, str]) -> Iterator[str]:
    """Yield the texts that an expression is or contains, if they are constants without white space."""
    if (
        isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and node.value
        and not re.search(r"\s", node.value)
    ):
        yield node.value
    elif isinstance(node, ast.Tuple | ast.List | ast.Set):
        for each in node.elts:
            yield from _texts(each, values)
    elif _name(node) in values:
        yield values[_name(node)]


def _beginning(node: ast.AST, values: Mapping[str, str]) -> str:
    """Return the constant text with which a computed text begins."""
    if isinstance(node, ast.JoinedStr):
        text = ""
        for each in node.values:
            part = each.value if isinstance(each, ast.FormattedValue) else each
            constant = next(_texts(part, values), None)
            if constant is None:
                break
            text += constant
        return text
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _beginning(node.left, values) + next(_texts(node.right, values), "")
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
        return next(_texts(node.left, values), "").partition("%")[0]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format":
        return next(_texts(node.func.value, values), "").partition("{")[0]
    return next(_texts(node, values), "")


def _around(text: str) -> Iterator[str]:
    """Yield the package in which a name that begins with a text is."""
    package, dot, _ = text.rpartition(".")
    if dot and package and not package.startswith("."):
        yield package


def _name(node: ast.AST) -> str:
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else ""

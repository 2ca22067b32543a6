"""Read the source of a host: its syntax trees, and where the names in them come from. Nothing is imported."""

from __future__ import annotations

import ast
import builtins
from functools import cached_property
from typing import TYPE_CHECKING

from onebin.scaffold.imports import Import

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_DEPTH = 10  # imports that are followed from one module to the next
_STUBS = frozenset({"tests", "test", "docs", "examples"})


class Sources:
    """The modules of a host by dotted name. What cannot be read or parsed counts as empty."""

    def __init__(self, files: Mapping[str, Path]) -> None:
        self.files = files
        self._trees: dict[str, ast.Module] = {}

    def tree(self, module: str) -> ast.Module:
        """Return the syntax tree of a module; an empty one if the host does not have it."""
        if module not in self._trees:
            self._trees[module] = _parsed(self.files.get(module))
        return self._trees[module]

    def trees(self) -> Iterator[tuple[str, ast.Module]]:
        """Yield each module with its tree."""
        for module in self.files:
            yield module, self.tree(module)

    def is_namespace(self, package: str) -> bool:
        """Return whether others may add modules to a package: the host has no `__init__.py` for it (PEP 420)."""
        return package not in self.files

    def origin(self, module: str, name: str) -> Import | None:
        """Return the import that gives another module the meaning of a name in this one; None if that is not known.

        A built-in name has no module: `Import(module="")`.
        """
        found = self._names(module).get(name)
        if found is None and hasattr(builtins, name):
            return Import(module="", name=name)
        return found

    def text(self, module: str, node: ast.expr | None) -> str | None:
        """Return the string that an expression is: a literal, or the name of a constant of the host."""
        for _ in range(_DEPTH):
            match node:
                case ast.Constant(value=str(value)):
                    return value
                case ast.Name(id=name):
                    found = self.origin(module, name)
                case ast.Attribute(value=ast.Name(id=holder), attr=name):
                    imported = self.origin(module, holder)
                    found = None if imported is None else Import(module=_dotted(imported), name=name)
                case _:
                    return None
            if found is None or found.name is None:
                return None
            module, node = found.module, self._constants(found.module).get(found.name)
        return None

    def texts(self, module: str, node: ast.expr) -> tuple[str, ...]:
        """Return the strings that an expression is or holds: a literal, several, or a constant of one or several."""
        alone = self.text(module, node)
        if alone is not None:
            return (alone,)
        if isinstance(node, ast.Name):
            found = self.origin(module, node.id)
            node = self._constants(found.module).get(found.name or "", node) if found else node
        if isinstance(node, ast.Call) and last_name(node.func) in {"frozenset", "set", "tuple", "list"} and node.args:
            node = node.args[0]
        elements = node.elts if isinstance(node, ast.Set | ast.Tuple | ast.List) else []
        return tuple(each.value for each in elements if isinstance(each, ast.Constant) and isinstance(each.value, str))

    def definition(self, module: str, name: str) -> tuple[str, ast.stmt] | None:
        """Return the statement that defines a name, and its module; None if the host's source does not have it."""
        for _ in range(_DEPTH):
            for node in self.tree(module).body:
                if name in _defined(node):
                    return module, node
            found = self._names(module).get(name)
            if found is None or found.name is None or found.module not in self.files:
                return None
            module, name = found.module, found.name
        return None

    @cached_property
    def protocols(self) -> tuple[tuple[str, str], ...]:
        """The public protocols and abstract classes that the host defines, as module and name."""
        return tuple(
            (module, node.name)
            for module, tree in self.trees()
            if not _STUBS & set(module.split("."))
            for node in tree.body
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_") and is_abstract(node)
        )

    @cached_property
    def hookspecs(self) -> str | None:
        """The module or class with pluggy's hook specifications, as a dotted name; None unless there is exactly one."""
        found = {
            module if holder is None else f"{module}.{holder.name}"
            for module, tree in self.trees()
            for node in tree.body
            for holder, inside in [(node, node.body) if isinstance(node, ast.ClassDef) else (None, [node])]
            for each in inside
            if is_hookspec(each)
        }
        return found.pop() if len(found) == 1 else None

    def _constants(self, module: str) -> dict[str, ast.expr]:
        return {
            name: node.value
            for node in self.tree(module).body
            if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None
            for name in _defined(node)
        }

    def _names(self, module: str) -> dict[str, Import]:
        found: dict[str, Import] = {}
        for node, is_for_types in _statements(self.tree(module).body):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    name = alias.asname or alias.name.partition(".")[0]
                    whole = alias.name if alias.asname else name
                    found[name] = Import(module=whole, alias=alias.asname, is_for_types=is_for_types)
            elif isinstance(node, ast.ImportFrom):
                source = self._absolute(module, node)
                for alias in node.names:
                    found[alias.asname or alias.name] = Import(
                        module=source, name=alias.name, alias=alias.asname, is_for_types=is_for_types
                    )
            else:
                found.update((name, Import(module=module, name=name)) for name in _defined(node))
        return found

    def _absolute(self, module: str, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        file = self.files.get(module)
        parts = module.split(".")
        is_package = file is not None and file.name == "__init__.py"
        kept = parts[: len(parts) - node.level + is_package]
        return ".".join([*kept, *([node.module] if node.module else [])])


def is_abstract(node: ast.ClassDef) -> bool:
    """Return whether a class is a protocol or has abstract methods."""
    return any(last_name(base) == "Protocol" for base in node.bases) or any(
        last_name(decorator) == "abstractmethod"
        for each in node.body
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
        for decorator in each.decorator_list
    )


def is_hookspec(node: ast.stmt) -> bool:
    """Return whether a statement is one of pluggy's hook specifications: a function with their marker."""
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and any(
        "hookspec" in last_name(each).lower() for each in node.decorator_list
    )


def last_name(node: ast.expr) -> str:
    """Return "c" for the expressions `c`, `a.b.c`, `c(...)` and `c[...]`; "" for any other."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Call(func=inner) | ast.Subscript(value=inner):
            return last_name(inner)
        case _:
            return ""


def _parsed(file: Path | None) -> ast.Module:
    if file is not None and file.suffix == ".py" and file.is_file():
        try:
            return ast.parse(file.read_bytes())
        except (OSError, SyntaxError, ValueError, RecursionError):
            pass  # for another Python, or not Python: it has no names that a plugin could use
    return ast.Module(body=[], type_ignores=[])


def _statements(body: list[ast.stmt], *, is_for_types: bool = False) -> Iterator[tuple[ast.stmt, bool]]:
    """Yield the statements of a module, also those below `if` and `try`, and whether they are for type checkers."""
    for node in body:
        yield node, is_for_types
        if isinstance(node, ast.If):
            yield from _statements(node.body, is_for_types=last_name(node.test) == "TYPE_CHECKING")
            yield from _statements(node.orelse)
        elif isinstance(node, ast.Try):
            yield from _statements([*node.body, *(each for one in node.handlers for each in one.body)])


def _defined(node: ast.stmt) -> list[str]:
    match node:
        case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            return [name]
        case ast.Assign(targets=targets):
            return [target.id for target in targets if isinstance(target, ast.Name)]
        case ast.AnnAssign(target=ast.Name(id=name)):
            return [name]
        case _:
            type_alias = getattr(node, "name", None)  # `type X = ...`, of Python 3.12
            return [type_alias.id] if isinstance(type_alias, ast.Name) else []


def _dotted(imported: Import) -> str:
    return imported.module if imported.name is None else f"{imported.module}.{imported.name}"

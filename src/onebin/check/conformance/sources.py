"""Find places in the source of a plugin, and what only the source shows: the attributes that methods set."""

from __future__ import annotations

import ast
import functools
import inspect
import sys
import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_DYNAMIC = frozenset({"setattr", "__dict__", "__setattr__"})


class Source:
    """The source of one class: the attributes it assigns to `self`, with their lines.

    `is_vague`: there may be more attributes, because it sets some by computed names, or its source was not found.
    """

    def __init__(self, cls: type) -> None:
        self.assigned: dict[str, int] = {}
        self.is_vague = False
        if cls.__module__ in sys.builtin_module_names:
            return
        read = _tree_of(cls)
        if read is None:
            self.is_vague = True
            return
        body, first = read
        for node in ast.walk(body):
            self.is_vague |= _name(node) in _DYNAMIC
            for target in _targets(node):
                self.assigned.setdefault(target.attr, first + target.lineno - 1)


def place_of(thing: object) -> str | None:
    """Return "file:line" of a class, a function, a wrapper of one or a module; None if it is not known."""
    while isinstance(thing, functools.partial):
        thing = thing.func
    if isinstance(thing, staticmethod | classmethod):
        thing = thing.__func__
    if isinstance(thing, property):
        thing = thing.fget
    try:
        if inspect.ismodule(thing):
            return f"{inspect.getfile(thing)}:1"
        plain = inspect.unwrap(thing)  # type: ignore[arg-type]  # anything may come: TypeError is handled
        code = getattr(plain, "__code__", None)
        if code is not None:
            return f"{code.co_filename}:{code.co_firstlineno}"
        return f"{inspect.getfile(plain)}:{inspect.getsourcelines(plain)[1]}" if inspect.isclass(plain) else None
    except (TypeError, OSError, ValueError):
        return None


def place_of_member(owner: object, name: str) -> str | None:
    """Return "file:line" of the statement in a class or module that gives a name its value or type."""
    try:
        file = inspect.getfile(owner)  # type: ignore[arg-type]  # anything may come: TypeError is handled
    except (TypeError, OSError):
        return None
    read = _tree_of(owner)
    if read is None:
        return None
    body, first = read
    for node in body.body:
        if name in _names(node):
            return f"{file}:{first + node.lineno - 1}"
    assigned = Source(owner).assigned if isinstance(owner, type) else {}
    return f"{file}:{assigned[name]}" if name in assigned else None


def _tree_of(thing: object) -> tuple[ast.ClassDef | ast.Module, int] | None:
    """Return the syntax tree of a class or module, and the line at which its text begins."""
    try:
        if inspect.ismodule(thing):
            return ast.parse(inspect.getsource(thing)), 1
        lines, first = inspect.getsourcelines(thing)  # type: ignore[arg-type]  # TypeError is handled
        body = ast.parse(textwrap.dedent("".join(lines))).body[0]
    except (TypeError, OSError, SyntaxError, ValueError, IndexError, RecursionError):
        return None
    return (body, first) if isinstance(body, ast.ClassDef) else None


def _names(node: ast.stmt) -> set[str]:
    """Return the names that one statement binds or annotates."""
    if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return {node.name}
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return {each.id for target in targets if target for each in ast.walk(target) if isinstance(each, ast.Name)}


def _targets(node: ast.AST) -> Iterator[ast.Attribute]:
    """Yield `x.name` where it is assigned. In a method, x usually is `self`; if not, one more name does no harm."""
    if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and isinstance(node.value, ast.Name):
        yield node


def _name(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""

"""Search sources as PyInstaller's module graph does, but skip what cannot contain what it looks for.

This finds the same imports and the same global names in half the time.
"""

from __future__ import annotations

import ast
import dis
from types import CodeType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onebin.freeze.driver.patches import PyInstaller

_STORE = frozenset(dis.opmap[name] for name in ("STORE_NAME", "STORE_GLOBAL"))
_DELETE = frozenset(dis.opmap[name] for name in ("DELETE_NAME", "DELETE_GLOBAL"))
_BINDING = _STORE | _DELETE
_USED_FOR_NAMES = ("add_global_attr", "remove_global_attr_if_found")


def hasten(modulegraph: Any, pyinstaller: PyInstaller) -> None:
    """Make PyInstaller's module `modulegraph` search faster where it has the source; raises PatchError."""
    graph = pyinstaller.attribute(modulegraph, "ModuleGraph")
    pyinstaller.function(graph, "_scan_ast", "self", "module", "module_code_object_ast", uses=("_Visitor",))
    _skip_expressions(pyinstaller.attribute(modulegraph, "_Visitor"), pyinstaller)
    parameters = ("self", "module", "module_code_object", "is_scanning_imports")
    whole = pyinstaller.method(graph, "_scan_bytecode", *parameters, uses=_USED_FOR_NAMES)

    def scan(self: Any, module: Any, code: CodeType, is_scanning_imports: bool) -> None:  # noqa: FBT001  # the graph's signature
        if is_scanning_imports:
            whole(self, module, code, is_scanning_imports)
            return
        for operation, name in _bindings(code):
            if operation in _STORE:
                module.add_global_attr(name)
            else:
                module.remove_global_attr_if_found(name)

    graph._scan_bytecode = scan  # noqa: SLF001  # it has no public name


def _skip_expressions(visitor: Any, pyinstaller: PyInstaller) -> None:
    """Make PyInstaller's visitor of syntax trees skip expressions: they contain no statements."""
    skips = pyinstaller.function(visitor, "visit_Expression", "self", "node")
    for kind in (*ast.expr.__subclasses__(), ast.arguments):
        name = f"visit_{kind.__name__}"
        # A visitor that looks into some kind of expression is looking for more than import statements.
        ignored = (skips, getattr(ast.NodeVisitor, name, skips))
        pyinstaller.require(getattr(visitor, name, skips) in ignored, f"{visitor.__name__} that skips {kind.__name__}")
        setattr(visitor, name, _skip)


def _skip(visitor: ast.NodeVisitor, node: ast.AST) -> None:
    pass


def _bindings(code: CodeType) -> Iterator[tuple[int, str]]:
    """Yield each operation that binds or removes a name of a module or class, then those in the code within."""
    words = code.co_code
    operations = words[::2]
    if not _BINDING.isdisjoint(operations):
        above = 0
        for operation, low in zip(operations, words[1::2], strict=True):
            argument = above | low
            above = argument << 8 if operation == dis.EXTENDED_ARG else 0
            if operation in _BINDING:
                yield operation, code.co_names[argument]
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _bindings(constant)

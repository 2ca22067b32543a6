"""Read from syntax trees what the modules of a distribution may do when they run; nothing is imported.

This errs on the side of caution: code that seems to look for source or to import by computed names gets what it would
need for that.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_IMPORT_ERRORS = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})
_IMPORTERS = frozenset({"import_module", "__import__"})

_CODE_RUNNERS = frozenset({"run_path", "run_module", "spec_from_file_location", "SourceFileLoader", "execfile"})
# Code that knows the names of source files and parses Python may look for the source of any module: a linter, say.
_SOURCE_FINDERS = frozenset({"SOURCE_SUFFIXES", "all_suffixes", "ModuleFinder", "FileFinder"})
_PARSERS = frozenset({"generate_tokens", "parso"})


def _any_of(*names: frozenset[str], others: str = "") -> re.Pattern[bytes]:
    words = "|".join(sorted(word for group in names for word in group))
    return re.compile(rf"\b(?:{words})\b{others}".encode())


# A module need not be parsed if its bytes contain none of these.
_TELLING = _any_of(
    _IMPORTERS,
    _CODE_RUNNERS,
    _SOURCE_FINDERS,
    _PARSERS,
    others=r"""|\bexec\(|["']-m["']|\bast\.parse""",
)


@dataclass(frozen=True, kw_only=True)
class Code:
    """What the syntax tree of one module shows.

    `imports_by_name`: it imports modules whose names are known only when it runs. `finds_sources`: it
    knows how source files are named. `parses`: it parses Python. `runs_foreign_code`: it may run code that the build
    cannot see (a user's script or setting). `run_as_main`: the modules that it starts with `-m`.
    """

    imports_by_name: bool = False
    finds_sources: bool = False
    parses: bool = False
    runs_foreign_code: bool = False
    run_as_main: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """What a distribution may do when it runs: what the syntax trees of its modules show together.

    `reads_others`: it may look for the source of any module. For the others see `Code`.
    """

    imports_by_name: bool = False
    reads_others: bool = False
    runs_foreign_code: bool = False
    run_as_main: tuple[str, ...] = ()


def behaviour_of(modules: Iterable[Code]) -> Behaviour:
    """Return what modules may do together."""
    codes = list(modules)
    return Behaviour(
        imports_by_name=any(code.imports_by_name for code in codes),
        reads_others=any(code.finds_sources for code in codes) and any(code.parses for code in codes),
        runs_foreign_code=any(code.runs_foreign_code for code in codes),
        run_as_main=tuple(dict.fromkeys(name for code in codes for name in code.run_as_main)),
    )


def read_code(file: Path) -> Code:
    """Return what a module's syntax tree shows; raises OSError. A file is parsed only if its bytes give reason to."""
    source = file.read_bytes()
    if not _TELLING.search(source):
        return Code()
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return Code()  # it is for another Python, or a template, so it is not imported either
    names: set[str] = set()
    calls: list[ast.Call] = []
    run_as_main: list[str] = []
    parses = False
    for node in _walk(tree):
        if isinstance(node, ast.Name):
            names.add(node.id)
        elif isinstance(node, ast.Attribute):
            names.add(node.attr)
            parses = parses or (node.attr == "parse" and _name(node.value) == "ast")
        elif isinstance(node, ast.Call):
            calls.append(node)
        elif isinstance(node, ast.List | ast.Tuple):
            run_as_main.extend(_run_as_main(node))
    computed = any(map(_is_computed_import, calls))
    return Code(
        imports_by_name=computed,
        finds_sources=bool(names & _SOURCE_FINDERS),
        parses=parses or bool(names & _PARSERS),
        runs_foreign_code=computed or bool(names & _CODE_RUNNERS) or any(map(_is_exec, calls)),
        run_as_main=tuple(run_as_main),
    )


def names_of(source: bytes) -> frozenset[str]:
    """Return the names that a module has after its import, as far as its statements show them."""
    try:
        waiting: list[ast.AST] = [*ast.parse(source).body]
    except (SyntaxError, ValueError, RecursionError):
        return frozenset()
    names: set[str] = set()
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names.update((each.asname or each.name).partition(".")[0] for each in node.names)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif not isinstance(node, ast.Lambda | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
            waiting.extend(ast.iter_child_nodes(node))
    return frozenset(names)


def _walk(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield all nodes in any order, in half the time of `ast.walk`: the survey reads all source of a bundle."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        for name in node._fields:
            value = getattr(node, name, None)
            if isinstance(value, list):
                waiting.extend(item for item in value if isinstance(item, ast.AST))
            elif isinstance(value, ast.AST):
                waiting.append(value)


def _is_computed_import(call: ast.Call) -> bool:
    """Return whether an import function is called with anything but a literal."""
    return _name(call.func) in _IMPORTERS and not (call.args and isinstance(call.args[0], ast.Constant))


def _is_exec(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Name) and call.func.id in {"exec", "execfile"}


def _run_as_main(words: ast.List | ast.Tuple) -> Iterator[str]:
    """Yield the modules in argument lists such as [sys.executable, "-m", "pip", ...]."""
    texts = [item.value if isinstance(item, ast.Constant) else None for item in words.elts]
    for flag, name in pairwise(texts):
        if flag == "-m" and isinstance(name, str) and all(part.isidentifier() for part in name.split(".")):
            yield name


def _name(node: ast.AST) -> str:
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else ""


@dataclass(frozen=True, kw_only=True, order=True)
class Import:
    """One import of a module: `target` is its dotted name, or that of something in it.

    `is_optional` if the program goes on without it: the import is inside a `try` that expects an ImportError.
    """

    line: int
    target: str
    is_optional: bool = field(default=False, compare=False)


def imports_of(source: bytes, package: str) -> Iterator[Import]:
    """Yield what a module imports, by statements and by functions that get a name, in no order.

    Its relative imports begin in `package`. What only type checkers see is left out, and so is all of a source that is
    not for this Python.
    """
    try:
        waiting: list[tuple[ast.AST, bool]] = [(ast.parse(source), False)]
    except (SyntaxError, ValueError, RecursionError):
        return
    while waiting:
        node, is_optional = waiting.pop()
        if isinstance(node, ast.If) and _name(node.test) == "TYPE_CHECKING":
            waiting.extend((each, is_optional) for each in node.orelse)
            continue
        for target in _targets(node, package):
            yield Import(line=node.lineno, target=target, is_optional=is_optional)  # type: ignore[attr-defined]  # statements and calls have a line
        tried = node.body if isinstance(node, ast.Try) and any(map(_expects_no_module, node.handlers)) else []
        waiting.extend((each, is_optional or each in tried) for each in ast.iter_child_nodes(node))


def _expects_no_module(handler: ast.ExceptHandler) -> bool:
    """Return whether a handler catches the error of an import."""
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(kind is None or _name(kind) in _IMPORT_ERRORS for kind in kinds)


def _targets(node: ast.AST, package: str) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (each.name for each in node.names)
    elif isinstance(node, ast.ImportFrom):
        parts = package.split(".")
        around = parts[: len(parts) - node.level + 1] if node.level else []
        base = ".".join([*around, *([node.module] if node.module else [])])
        yield from (base if each.name == "*" else f"{base}.{each.name}" for each in node.names)
    elif isinstance(node, ast.Call) and _name(node.func) in _IMPORTERS and node.args:
        name = node.args[0]
        if isinstance(name, ast.Constant) and isinstance(name.value, str) and not name.value.startswith("."):
            yield name.value

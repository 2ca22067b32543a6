"""Read from a module's syntax tree what it may do when it runs; nothing is imported.

All of it is suspicion: who seems to look for files or to import by computed names gets what that takes.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path  # pydantic reads the shapes below when the program runs

_IMPORTERS = frozenset({"import_module", "__import__"})

# A module that uses one name of each looks at the files beside it, and may want to see source there.
_ANCHORS = frozenset({"__file__", "__path__", "files"})
_LISTERS = frozenset({"listdir", "scandir", "iterdir", "glob", "iglob", "rglob", "walk"})
_CODE_RUNNERS = frozenset({"run_path", "run_module", "spec_from_file_location", "SourceFileLoader", "execfile"})
_SOURCE_READERS = frozenset({"getsource", "getsourcelines", "getsourcefile", "findsource", "get_source"})
# Who knows what files of source are called and reads a syntax may look for the source of any module: a linter, say.
_SOURCE_FINDERS = frozenset({"SOURCE_SUFFIXES", "all_suffixes", "ModuleFinder", "FileFinder"})
_PARSERS = frozenset({"generate_tokens", "parso"})


def _any_of(*names: frozenset[str], others: str = "") -> re.Pattern[bytes]:
    words = "|".join(sorted(word for group in names for word in group))
    return re.compile(rf"\b(?:{words})\b{others}".encode())


# A module need not be parsed if none of these stands in its bytes, nor a lister together with an anchor.
_TELLING = _any_of(
    _IMPORTERS,
    _SOURCE_READERS,
    _CODE_RUNNERS,
    _SOURCE_FINDERS,
    _PARSERS,
    others=r"""|\bexec\(|["']-m["']|\bast\.parse""",
)
_LISTING, _ANCHORED = _any_of(_LISTERS), _any_of(_ANCHORS)


@dataclass(frozen=True, kw_only=True)
class Code:
    """What a module's syntax tree tells of it.

    `imports_by_name`: it imports modules whose names only a run can tell. `reads_itself`: it may look for its own
    source.
    `finds_sources` and `parses`: it knows what files of source are called, and reads a syntax. `runs_foreign_code`: it
    may run what nobody has seen. `run_as_main`: the modules that it starts with `-m`.
    """

    imports_by_name: bool = False
    reads_itself: bool = False
    finds_sources: bool = False
    parses: bool = False
    runs_foreign_code: bool = False
    run_as_main: tuple[str, ...] = ()


def read_code(file: Path) -> Code:
    """Return what a module's syntax tree tells, if a search of its bytes says that this can tell anything."""
    source = file.read_bytes()
    if not (_TELLING.search(source) or (_LISTING.search(source) and _ANCHORED.search(source))):
        return Code()
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return Code()  # for another Python, or a template: it is not imported either
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
        reads_itself=bool(names & _SOURCE_READERS or (names & _ANCHORS and names & _LISTERS)),
        finds_sources=bool(names & _SOURCE_FINDERS),
        parses=parses or bool(names & _PARSERS),
        runs_foreign_code=computed or bool(names & _CODE_RUNNERS) or any(map(_is_exec, calls)),
        run_as_main=tuple(run_as_main),
    )


def _walk(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield all nodes, in no order, at half the cost of `ast.walk`: the survey reads all source of a bundle."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        for field in node._fields:
            value = getattr(node, field, None)
            if isinstance(value, list):
                waiting.extend(item for item in value if isinstance(item, ast.AST))
            elif isinstance(value, ast.AST):
                waiting.append(value)


def _is_computed_import(call: ast.Call) -> bool:
    """Tell whether an import function is called with anything but a literal."""
    return _name(call.func) in _IMPORTERS and not (call.args and isinstance(call.args[0], ast.Constant))


def _is_exec(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Name) and call.func.id in {"exec", "execfile"}


def _run_as_main(words: ast.List | ast.Tuple) -> Iterator[str]:
    """Yield the modules of argument lists such as [sys.executable, "-m", "pip", ...]."""
    texts = [item.value if isinstance(item, ast.Constant) else None for item in words.elts]
    for flag, name in pairwise(texts):
        if flag == "-m" and isinstance(name, str) and all(part.isidentifier() for part in name.split(".")):
            yield name


def _name(node: ast.AST) -> str:
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else ""

"""Find the regular expressions that stand in sources, and compile them for code.bin. Standard library only.

Sources are read, never run: a pattern is a text in the source, or is put together from such texts. If a text is taken
for a pattern and is none, that does no harm: patterns are found by their text and flags, and not by their place.
"""

from __future__ import annotations

import ast
import re
import struct
import sys
import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

# The functions of re that compile their first argument, with the position of the argument for flags.
_FLAGS_AT = {
    "compile": 1,
    "match": 2,
    "fullmatch": 2,
    "search": 2,
    "findall": 2,
    "finditer": 2,
    "split": 3,
    "sub": 4,
    "subn": 4,
}
_MENTIONS_RE = re.compile(rb"^[ \t]*(import|from)\b.*\bre\b", re.MULTILINE)

# All others are left to re itself: LOCALE depends on the process, DEBUG prints, and TEMPLATE warns.
_FLAGS = int(re.IGNORECASE | re.MULTILINE | re.DOTALL | re.UNICODE | re.VERBOSE | re.ASCII)


def in_source(source: bytes) -> list[tuple[tuple[str | bytes, int], bytes]]:
    """Return each pattern in a source with its flags, and what `compiled` makes of it, unless that is None."""
    found = sorted(set(patterns(source)), key=repr)
    return [(key, parts) for key in found if (parts := compiled(*key)) is not None]


def found_in(
    sources: Iterable[bytes], find: Callable[[bytes], Iterable[tuple[tuple[str | bytes, int], bytes]]] = in_source
) -> dict[tuple[str | bytes, int], bytes]:
    """Return what re makes of each pattern in some sources, as `code.py` wants it, by the pattern and its flags.

    `find` does what `in_source` does.
    """
    return {key: parts for source in sources if _MENTIONS_RE.search(source) for key, parts in find(source)}


def patterns(source: bytes) -> Iterator[tuple[str | bytes, int]]:
    """Yield the patterns in a source with their flags; none if it is not valid for this Python."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about what the source is like
            tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    reader = _Reader(tree)
    for call in reader.calls:
        pattern = reader.pattern(call)
        if pattern is not None:
            yield pattern


def compiled(text: str | bytes, flags: int) -> bytes | None:
    """Return what re gives to `_sre.compile` for a pattern, or None if it must be compiled when it is used.

    That is so if it is not valid, if re warns about it, and if the result depends on more than the pattern. The result
    has four numbers (the flags, and how many groups, codes and names there are), the codes, the numbers of the named
    groups, and their names, each ended by NUL. Numbers are little-endian and have 32 bits.
    """
    if flags & ~_FLAGS:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            _, flags, codes, groups, names, _ = _compile(text, flags)
        numbers = [flags, groups, len(codes), len(names), *codes, *names.values()]
        packed = struct.pack(f"<{len(numbers)}I", *numbers)
    except (re.error, ValueError, OverflowError, RecursionError, Warning, struct.error):
        return None
    if flags & ~_FLAGS:
        return None
    return packed + b"".join(name.encode() + b"\0" for name in names)


def _compile(text: str | bytes, flags: int) -> tuple[Any, ...]:
    """Return the arguments that re's compiler gives to `_sre.compile`."""
    compiler = sys.modules.get("re._compiler") or sys.modules["sre_compile"]
    real = vars(compiler)["_sre"]
    vars(compiler)["_sre"] = _Recorder(real)
    try:
        return vars(compiler)["compile"](text, flags)  # type: ignore[no-any-return]  # it is what the recorder returns
    finally:
        vars(compiler)["_sre"] = real


class _Recorder:
    """The module `_sre`, whose function `compile` returns its arguments."""

    def __init__(self, real: Any) -> None:
        self._real = real

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def compile(self, *arguments: Any) -> tuple[Any, ...]:
        return arguments


class _Reader:
    """Finds values in a source: texts, numbers, and what is put together from them; None stands for any other."""

    def __init__(self, tree: ast.AST) -> None:
        self._modules: set[str] = set()  # names of re
        self._functions: dict[str, str] = {}  # names of its functions
        self._assigned: dict[str, ast.expr | None] = {}  # names with their only value
        self.calls: list[ast.Call] = []
        for node in ast.walk(tree):
            self._note(node)

    def _note(self, node: ast.AST) -> None:
        if isinstance(node, ast.Call):
            self.calls.append(node)
        elif isinstance(node, ast.Import):
            self._modules |= {each.asname or each.name for each in node.names if each.name == "re"}
        elif isinstance(node, ast.ImportFrom) and node.module == "re":
            self._functions |= {each.asname or each.name: each.name for each in node.names}
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    self._assigned[target.id] = None if target.id in self._assigned else node.value
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            self._assigned[node.target.id] = None if node.target.id in self._assigned else node.value

    def _name_in_re(self, node: ast.expr) -> str | None:
        if isinstance(node, ast.Name):
            return self._functions.get(node.id)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in self._modules:
            return node.attr
        return None

    def pattern(self, call: ast.Call) -> tuple[str | bytes, int] | None:
        """Return the pattern and the flags of a call of re's functions."""
        function = self._name_in_re(call.func)
        if function not in _FLAGS_AT or not (call.args or call.keywords):
            return None
        named = {each.arg: each.value for each in call.keywords}
        text = self._value(call.args[0] if call.args else named.get("pattern"))
        position = _FLAGS_AT[function]
        given = call.args[position] if len(call.args) > position else named.get("flags")
        flags = 0 if given is None else self._value(given)
        return (text, flags) if isinstance(text, (str, bytes)) and type(flags) is int and flags >= 0 else None

    def _value(self, node: ast.expr | None) -> Any:
        try:
            read = self._readers.get(type(node))
            return None if node is None or read is None else read(self, node)
        except (TypeError, ValueError, KeyError, IndexError, AttributeError, RecursionError):
            return None

    def _values(self, nodes: Iterable[ast.expr | None]) -> tuple[Any, ...]:
        found = tuple(self._value(node) for node in nodes)
        if None in found:
            raise ValueError("a part is not known")
        return found

    def _constant(self, node: ast.Constant) -> Any:
        return node.value if type(node.value) in (str, bytes, int) else None

    def _name(self, node: ast.Name) -> Any:
        if node.id in self._functions:
            return self._flag(self._functions[node.id])
        # Once at a time: a name may be part of its own value.
        value = self._assigned.pop(node.id, None)
        try:
            return self._value(value)
        finally:
            self._assigned[node.id] = value

    def _attribute(self, node: ast.Attribute) -> Any:
        return self._flag(self._name_in_re(node))

    def _flag(self, name: str | None) -> int | None:
        flag = getattr(re, name or "", None)
        return int(flag) if isinstance(flag, re.RegexFlag) else None

    def _operation(self, node: ast.BinOp) -> Any:
        left, right = self._values([node.left, node.right])
        if isinstance(node.op, ast.Mod) and isinstance(left, (str, bytes)):
            return left % right
        if isinstance(node.op, ast.Add):
            return left + right
        return left | right if isinstance(node.op, ast.BitOr) else None

    def _sequence(self, node: ast.Tuple | ast.List) -> Any:
        return self._values(node.elts)

    def _mapping(self, node: ast.Dict) -> Any:
        keys = self._values(node.keys)
        return dict(zip(keys, self._values(node.values), strict=True))

    def _joined(self, node: ast.JoinedStr) -> Any:
        return "".join(map(str, self._values(node.values)))

    def _formatted(self, node: ast.FormattedValue) -> Any:
        return self._value(node.value) if node.conversion == -1 and node.format_spec is None else None

    def _call(self, node: ast.Call) -> Any:
        arguments = self._values(node.args)
        if self._name_in_re(node.func) == "escape" and len(arguments) == 1:
            return re.escape(arguments[0])
        if not isinstance(node.func, ast.Attribute) or node.func.attr not in ("join", "format"):
            return None
        (text,) = self._values([node.func.value])
        named = {each.arg or "": self._values([each.value])[0] for each in node.keywords}
        return getattr(text, node.func.attr)(*arguments, **named) if isinstance(text, (str, bytes)) else None

    _readers: Mapping[Any, Callable[[Any, Any], Any]] = {
        ast.Constant: _constant,
        ast.Name: _name,
        ast.Attribute: _attribute,
        ast.BinOp: _operation,
        ast.Tuple: _sequence,
        ast.List: _sequence,
        ast.Dict: _mapping,
        ast.JoinedStr: _joined,
        ast.FormattedValue: _formatted,
        ast.Call: _call,
    }

"""Write the members that a contract asks for, with the contract's own signatures, for a plugin's author to fill in.

Takes the syntax tree of a contract: a Protocol, an abstract base class, a callable type, or pluggy's hook
specifications. Returns code and the imports that it needs.
"""

from __future__ import annotations

import ast
import io
import json
import textwrap
import tokenize
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from onebin.scaffold.imports import Import
from onebin.scaffold.sources import is_hookspec, last_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from onebin.scaffold.sources import Sources

Function = ast.FunctionDef | ast.AsyncFunctionDef

WIDTH = 120  # of generated code, as its [tool.ruff] says
_ANY = Import(module="typing", name="Any")
_KEPT = frozenset({"property", "staticmethod", "classmethod"})
_PROPERTIES = frozenset({"property", "cached_property", "abstractproperty"})
_VALUES = {"str": '""', "int": "0", "float": "0.0", "bool": "False", "bytes": 'b""'}
_NOT_MEMBERS = frozenset({"__init__", "__new__", "__init_subclass__", "__subclasshook__", "__class_getitem__"})


@dataclass
class Stub:
    """Code for a plugin and the imports that it needs; `methods` are the names of what callers call."""

    code: str = ""
    imports: set[Import] = field(default_factory=set)
    methods: list[str] = field(default_factory=list)


def stub_class(sources: Sources, module: str, node: ast.ClassDef, *, name: str, entry: str) -> Stub:
    """Return a class that has each member of a contract; it inherits from the contract unless that is a protocol."""
    stub = Stub()
    base = ""
    if not _is_protocol(node):
        stub.imports.add(Import(module=module, name=node.name))
        base = f"({node.name})"
    parts = [f'    """{_said(node) or f"The plugin {entry}."}"""']
    attributes, functions = [], []
    for home, member in _members(sources, module, node):
        written = _Written(sources, home, stub)
        if isinstance(member, ast.AnnAssign):
            attributes.append(textwrap.indent(_attribute(member, written, entry), "    "))
        else:
            functions.append(textwrap.indent(_method(member, written), "    "))
            if not _is_property(member):
                stub.methods.append(member.name)
    parts += ["\n".join(attributes)] if attributes else []
    stub.code = "\n\n".join([f"class {name}{base}:\n{parts[0]}", *parts[1:], *functions])
    return stub


def stub_functions(sources: Sources, module: str, node: ast.ClassDef) -> Stub:
    """Return a function for each method of a contract, for a plugin that is a module."""
    stub = Stub()
    functions = []
    for home, member in _members(sources, module, node):
        if not isinstance(member, ast.AnnAssign) and not _is_property(member):
            functions.append(_function(member, _Written(sources, home, stub), is_bound=not _is_static(member)))
            stub.methods.append(member.name)
    stub.code = "\n\n\n".join(functions)
    return stub


def stub_callable(sources: Sources, module: str, node: ast.stmt, *, name: str) -> Stub | None:
    """Return a function that a callable type describes; None if the contract is not one.

    A callable type is `Callable[[A, B], R]` under a name of its own, or a protocol with `__call__` only.
    """
    stub = Stub()
    written = _Written(sources, module, stub)
    if isinstance(node, ast.ClassDef):
        members = list(_members(sources, module, node))
        if len(members) != 1 or not isinstance(members[0][1], Function) or members[0][1].name != "__call__":
            return None
        written = _Written(sources, members[0][0], stub)
        stub.code = _function(members[0][1], written, is_bound=True, name=name)
        return stub
    match getattr(node, "value", None):
        case ast.Subscript(value=called, slice=ast.Tuple(elts=[ast.List(elts=taken), result])) if (
            last_name(called) == "Callable"
        ):
            names = ["argument"] if len(taken) == 1 else [f"argument_{number + 1}" for number in range(len(taken))]
            parameters = [f"{each}: {written.annotation(kind)}" for each, kind in zip(names, taken, strict=True)]
            head = _head("def", name, [*parameters, *(["/"] if parameters else [])], written.annotation(result))
            stub.code = f"{head}\n{_body(None)}"
            return stub
        case _:
            return None


def stub_hooks(sources: Sources) -> Stub:
    """Return an implementation of each of pluggy's hooks; they return None, by which a plugin says nothing."""
    stub = Stub()
    hooks = []
    for module, node, is_bound in _hookspecs(sources):
        written = _Written(sources, module, stub)
        function = _function(node, written, is_bound=is_bound, is_hook=True)
        hooks.append(f"@hookimpl\n{function}")
        stub.methods.append(node.name)
    stub.code = "\n\n\n".join(hooks)
    return stub


class _Written:
    """Turns expressions of a module into text for another one, and notes which imports they need there."""

    def __init__(self, sources: Sources, module: str, stub: Stub) -> None:
        self._sources, self._module, self._stub = sources, module, stub

    def annotation(self, node: ast.expr | None) -> str:
        """Return an annotation; `Any` if there is none, or if another module cannot know what it means."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            try:
                node = ast.parse(node.value, mode="eval").body
            except (SyntaxError, ValueError):
                node = None
        imports = None if node is None else self._imports(node)
        if node is None or imports is None:
            self._stub.imports.add(_ANY)
            return "Any"
        self._stub.imports |= imports
        return _unparsed(node)

    def value(self, node: ast.expr) -> str:
        """Return the default of a parameter; `...` if another module cannot know what it means."""
        imports = self._imports(node)
        if imports is None:
            return "..."
        self._stub.imports |= {Import(module=each.module, name=each.name, alias=each.alias) for each in imports}
        return _unparsed(node)

    def _imports(self, node: ast.expr) -> set[Import] | None:
        found = set()
        for each in ast.walk(node):
            if isinstance(each, ast.Name):
                origin = self._sources.origin(self._module, each.id)
                if origin is None or self._is_type_variable(each.id):
                    return None
                if origin.module:
                    found.add(origin)
        return found

    def _is_type_variable(self, name: str) -> bool:
        defined = self._sources.definition(self._module, name)
        value = getattr(defined[1], "value", None) if defined else None
        return isinstance(value, ast.Call) and last_name(value.func) in {"TypeVar", "ParamSpec", "TypeVarTuple"}


def _members(sources: Sources, module: str, node: ast.ClassDef) -> Iterator[tuple[str, Function | ast.AnnAssign]]:
    """Yield what a contract asks for, with the module of each: first what its bases ask for, as far as they are known.

    Of a class that is not a protocol, these are its abstract methods.
    """
    found: dict[str, tuple[str, Function | ast.AnnAssign]] = {}
    for base in reversed(node.bases):
        defined = sources.definition(module, last_name(base))
        if defined is not None and isinstance(defined[1], ast.ClassDef) and defined[1] is not node:
            found.update((_name(member), (home, member)) for home, member in _members(sources, defined[0], defined[1]))
    for each in node.body:
        if isinstance(each, Function):
            names = {last_name(decorator) for decorator in each.decorator_list}
            if each.name not in _NOT_MEMBERS and not names & {"setter", "deleter"}:
                found.pop(each.name, None)
                if _is_protocol(node) or names & {"abstractmethod", "abstractproperty"}:
                    found[each.name] = (module, each)
        elif isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name):
            found.pop(each.target.id, None)
            if _is_protocol(node) and each.value is None:
                found[each.target.id] = (module, each)
    yield from found.values()


def _hookspecs(sources: Sources) -> Iterator[tuple[str, Function, bool]]:
    """Yield each hook specification with its module, and whether its first parameter is `self`."""
    for module, tree in sources.trees():
        for node in tree.body:
            inside = node.body if isinstance(node, ast.ClassDef) else [node]
            for each in inside:
                if isinstance(each, Function) and is_hookspec(each):
                    yield module, each, isinstance(node, ast.ClassDef)


def _is_protocol(node: ast.ClassDef) -> bool:
    return any(last_name(base) == "Protocol" for base in node.bases)


def _is_property(node: Function) -> bool:
    return any(last_name(each) in _PROPERTIES for each in node.decorator_list)


def _is_static(node: Function) -> bool:
    return any(last_name(each) == "staticmethod" for each in node.decorator_list)


def _name(member: Function | ast.AnnAssign) -> str:
    return last_name(member.target) if isinstance(member, ast.AnnAssign) else member.name


def _attribute(node: ast.AnnAssign, written: _Written, entry: str) -> str:
    name, kind = _name(node), written.annotation(node.annotation)
    value = json.dumps(entry) if (name, kind) == ("name", "str") else _VALUES.get(kind)
    return f"{name}: {kind}" if value is None else f"{name}: {kind} = {value}"


def _method(node: Function, written: _Written) -> str:
    decorators = ["property"] if _is_property(node) else [last_name(each) for each in node.decorator_list]
    lines = [f"@{each}" for each in decorators if each in _KEPT]
    return "\n".join([*lines, _function(node, written, is_bound=False, indent=4, has_self=not _is_static(node))])


def _function(  # the forms of one statement
    node: Function,
    written: _Written,
    *,
    is_bound: bool,
    name: str | None = None,
    indent: int = 0,
    has_self: bool = False,
    is_hook: bool = False,
) -> str:
    """Return a function with the signature of another; `is_bound` leaves out its first parameter."""
    parameters = _parameters(node.args, written, is_bound=is_bound, has_self=has_self)
    result = written.annotation(node.returns)
    may_be_none = result in {"None", "Any", "object"} or "None" in result or result.startswith("Optional")
    if is_hook and not may_be_none:
        result = f"{result} | None"
    keyword = "async def" if isinstance(node, ast.AsyncFunctionDef) else "def"
    head = _head(keyword, name or node.name, parameters, result, indent=indent)
    last = None if not is_hook else "" if result == "None" else "return None"
    return f"{head}\n{_body(_said(node), last=last)}"


def _parameters(given: ast.arguments, written: _Written, *, is_bound: bool, has_self: bool) -> list[str]:
    """Return the parameters of a signature as text, with the markers `/` and `*`."""
    before = [*given.posonlyargs, *given.args]
    defaults: Sequence[ast.expr | None] = [None] * (len(before) - len(given.defaults)) + list(given.defaults)
    found = []
    for number, (each, default) in enumerate(zip(before, defaults, strict=True)):
        if number or not is_bound:
            is_self = has_self and number == 0
            found.append(each.arg if is_self else _parameter(each, default, written))
        if number + 1 == len(given.posonlyargs) and found:
            found.append("/")
    if given.vararg:
        found.append(f"*{_parameter(given.vararg, None, written)}")
    elif given.kwonlyargs:
        found.append("*")
    for each, default in zip(given.kwonlyargs, given.kw_defaults, strict=True):
        found.append(_parameter(each, default, written))
    if given.kwarg:
        found.append(f"**{_parameter(given.kwarg, None, written)}")
    return found


def _parameter(node: ast.arg, default: ast.expr | None, written: _Written) -> str:
    text = f"{node.arg}: {written.annotation(node.annotation)}"
    return text if default is None else f"{text} = {written.value(default)}"


def _head(keyword: str, name: str, parameters: Sequence[str], result: str, *, indent: int = 0) -> str:
    """Return the first line of a function, broken as formatters break it if it is too long."""
    line = f"{keyword} {name}({', '.join(parameters)}) -> {result}:"
    if len(line) + indent <= WIDTH:
        return line
    inside = ", ".join(parameters)
    if len(inside) + indent + 4 <= WIDTH:
        return f"{keyword} {name}(\n    {inside}\n) -> {result}:"
    lines = "\n".join(f"    {each}," for each in parameters)
    return f"{keyword} {name}(\n{lines}\n) -> {result}:"


def _body(said: str | None, *, last: str | None = None) -> str:
    docstring = f'    """{said or "Fill this in."}"""'
    return docstring if last == "" else f"{docstring}\n    {last or 'raise NotImplementedError'}"


def _said(node: Function | ast.ClassDef) -> str | None:
    """Return the first line of a docstring, so that it cannot end the docstring that it is written into."""
    lines = (ast.get_docstring(node) or "").strip().splitlines()
    line = lines[0].replace("\\", "/").replace('"', "'") if lines else ""
    return "".join(each if each.isprintable() else "?" for each in line[: WIDTH - 20]) or None


def _unparsed(node: ast.expr) -> str:
    """Return an expression as text, with strings in double quotes as formatters write them."""
    text = ast.unparse(node)
    tokens = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        is_string = token.type == tokenize.STRING and token.string.startswith("'") and '"' not in token.string
        tokens.append(token._replace(string=f'"{token.string[1:-1]}"') if is_string else token)
    return tokenize.untokenize(tokens).strip()

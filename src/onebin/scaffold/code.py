"""Write the module of a new plugin, with a stub of everything that its host asks for, and what its test imports."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from onebin.scaffold.imports import Import, import_block
from onebin.scaffold.lookups import pluggy_project
from onebin.scaffold.names import class_name, symbol_name
from onebin.scaffold.stubs import Stub, stub_callable, stub_class, stub_functions, stub_hooks

if TYPE_CHECKING:
    from onebin.scaffold.lookups import Lookup
    from onebin.scaffold.sources import Sources

Kind = Literal["class", "object", "function", "module", "hooks", "nothing"]

_PYTEST, _INSPECT, _PLUGGY = Import(module="pytest"), Import(module="inspect"), Import(module="pluggy")


@dataclass(frozen=True, kw_only=True)
class Contract:
    """A contract ("module:Name") with the statement that defines it; `module` is the one with the statement.

    `is_declared` says that the user or the host's manifest named it.
    """

    value: str
    module: str
    node: ast.stmt
    provides: str | None
    is_declared: bool

    @property
    def name(self) -> str:
        """The name of the type."""
        return self.value.partition(":")[2]

    @property
    def imported(self) -> Import:
        """How another module imports it."""
        return Import(module=self.value.partition(":")[0], name=self.name)


@dataclass(frozen=True, kw_only=True)
class PluginCode:
    """The code of a plugin: what it is, the symbol in the module that the host gets ("" is the module), and its stub.

    `constant` comes before the stub and `last` after it. `project` and `hookspecs` are those of a host with pluggy.
    """

    kind: Kind
    symbol: str
    stub: Stub
    constant: str = ""
    last: str = ""
    project: str | None = None
    hookspecs: str | None = None
    imports: frozenset[Import] = field(default_factory=frozenset)

    def text(self, own: str) -> str:
        """Return the module, without its docstring; `own` is the top-level package that it is in."""
        header = import_block({*self.imports, *self.stub.imports}, own=own)
        before = "\n\n".join(filter(None, [header, self.constant]))
        parts = [f"\n{before}" if before else "", self.stub.code, self.last]
        text = "\n\n\n".join(filter(None, parts))
        return text if before or not text else f"\n\n{text}"

    def test_imports(self, lookup: Lookup, module: str, contract: Contract | None) -> set[Import]:
        """Return what the test of a plugin imports; `module` is that of the plugin."""
        found = {_imported(module) if not self.symbol else Import(module=module, name=self.symbol)}
        if lookup.style == "namespace":
            if self.kind == "nothing":
                found.clear()  # its test only looks for the module
            found |= {Import(module="pkgutil"), Import(module=lookup.group)}
        else:
            found.add(Import(module="importlib.metadata", name="entry_points"))
        if contract is not None and self.kind != "nothing":
            found.add(contract.imported)
            if self.stub.methods and self.kind != "function":
                found |= {_PYTEST, _INSPECT}
        if self.hookspecs:
            found |= {_PLUGGY, _imported(self.hookspecs)}
        return found


def plugin_code(lookup: Lookup, contract: Contract | None, sources: Sources | None, entry: str) -> PluginCode:
    """Return the code of a plugin whose entry point has a name, for a host with this source, if it is known."""
    if lookup.style == "pluggy":
        return _hooks(lookup, sources)
    if contract is None or sources is None:
        return _empty(entry, is_module=lookup.style == "namespace")
    if lookup.style == "namespace":
        return _module(contract, sources, entry)
    name = symbol_name(entry)
    function = stub_callable(sources, contract.module, contract.node, name=name)
    if function is not None and contract.provides != "factory":
        return PluginCode(kind="function", symbol=name, stub=function)
    if isinstance(contract.node, ast.ClassDef):
        return _class(contract, contract.node, sources, entry)
    return _empty(entry, is_module=False)


def _hooks(lookup: Lookup, sources: Sources | None) -> PluginCode:
    project = (pluggy_project(sources) if sources else None) or lookup.group
    return PluginCode(
        kind="hooks",
        symbol="",
        stub=stub_hooks(sources) if sources else Stub(),
        constant=f'hookimpl = pluggy.HookimplMarker("{project}")',
        project=project,
        hookspecs=sources.hookspecs if sources else None,
        imports=frozenset({_PLUGGY}),
    )


def _module(contract: Contract, sources: Sources, entry: str) -> PluginCode:
    if not isinstance(contract.node, ast.ClassDef):
        return _empty(entry, is_module=True)
    return PluginCode(kind="module", symbol="", stub=stub_functions(sources, contract.module, contract.node))


def _class(contract: Contract, node: ast.ClassDef, sources: Sources, entry: str) -> PluginCode:
    """Return a class whose name is none of those that the module or its test imports."""
    avoided = {contract.name}
    while True:
        name = class_name(entry, avoided)
        stub = stub_class(sources, contract.module, node, name=name, entry=entry)
        imported = {each.alias or each.name or "" for each in stub.imports}
        if name not in imported:
            break
        avoided |= imported
    if contract.provides == "instance":
        return PluginCode(kind="object", symbol="plugin", stub=stub, last=f"plugin = {name}()")
    return PluginCode(kind="class", symbol=name, stub=stub)


def _empty(entry: str, *, is_module: bool) -> PluginCode:
    if is_module:
        return PluginCode(kind="nothing", symbol="", stub=Stub())
    name = class_name(entry, ())
    return PluginCode(kind="nothing", symbol=name, stub=Stub(code=f'class {name}:\n    """The plugin {entry}."""'))


def _imported(module: str) -> Import:
    """Return the statement that gives a module its last name."""
    parent, _, last = module.rpartition(".")
    return Import(module=parent, name=last) if parent else Import(module=module)

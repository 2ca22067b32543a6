"""Decide what a new plugin consists of: how its host finds it, which contract it fits, and the code for that."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from onebin.check import compatible
from onebin.errors import Finding, FindingsError
from onebin.manifest import ExtensionPoint, host_keys, stored_path
from onebin.scaffold.code import Contract, PluginCode, plugin_code
from onebin.scaffold.imports import import_block
from onebin.scaffold.lookups import Lookup, Style, lookups_in
from onebin.scaffold.names import entry_name, package_name, symbol_name
from onebin.system import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from onebin.scaffold.hosts import Host, HostChoice

_SUMMARY = "the project was not created"
# What a style needs beside the standard library, in the first version with complete type hints.
LIBRARIES: Mapping[Style, str] = {"pluggy": "pluggy>=1.5", "stevedore": "stevedore>=5.10"}


@dataclass(frozen=True, kw_only=True)
class PluginWish:
    """What a user asked for: the project's name and, if given, the group, the contract and the style."""

    name: str
    group: str | None
    contract: str | None
    style: Style | None


@dataclass(frozen=True, kw_only=True)
class PluginDescription:
    """What the templates of a plugin need, which projects it needs, and lines to print."""

    values: dict[str, Any]
    needs: tuple[str, ...]
    notes: tuple[str, ...]


def describe_plugin(
    wish: PluginWish, chosen: HostChoice | None, host: Host | None, directory: Path
) -> PluginDescription:
    """Return what a plugin consists of; raises FindingsError if the host does not say enough."""
    lookup = _lookup(wish, host)
    contract = _contract(wish, lookup, host)
    package, entry = package_name(wish.name), entry_name(wish.name, host.name if host else None)
    module = f"{lookup.group}.{symbol_name(entry)}" if lookup.style == "namespace" else package
    top = module.partition(".")[0]
    code = plugin_code(lookup, contract, host.sources if host else None, entry)
    needs = tuple(_requirements(host, lookup))
    values = {
        "name": wish.name,
        "host": host.name if host else None,
        "style": lookup.style,
        "group": lookup.group,
        "entry": entry,
        "module": module,
        "folder": module.replace(".", "/"),
        "top": top,
        "value": ":".join(filter(None, [module, code.symbol])),
        "code": code.text(top),
        "kind": code.kind,
        "symbol": code.symbol,
        "methods": code.stub.methods,
        "test_imports": import_block(code.test_imports(lookup, module, contract), own=top),
        "hookspecs": code.hookspecs,
        "project": code.project,
        "contract": contract,
        "dependencies": ", ".join(f'"{each}"' for each in needs),
        "host_path": stored_path(str(chosen.folder), directory) if chosen and chosen.folder else None,
        "starts": _host_table(chosen, host, directory),
        "bundle": host.starts.get("script", canonicalize_name(host.name)) if host else None,
    }
    return PluginDescription(
        values=values,
        needs=tuple(str(canonicalize_name(Requirement(each).name)) for each in needs),
        notes=(*_notes(lookup, contract, host), *_to_fill_in(code, module)),
    )


def _requirements(host: Host | None, lookup: Lookup) -> list[str]:
    """Return what a plugin requires: its host, in compatible versions, and pluggy if it is used."""
    found = [f"{host.name}{compatible(host.version) if host.version else ''}"] if host else []
    return [*found, LIBRARIES["pluggy"]] if lookup.style == "pluggy" else found


def _host_table(chosen: HostChoice | None, host: Host | None, directory: Path) -> dict[str, str] | None:
    """Return the table [host] of the plugin's own manifest; None if it is not known how to start the host."""
    if chosen is None or host is None or not host.starts:
        return None
    if chosen.folder is not None:
        return {"path": stored_path(str(chosen.folder), directory), **host.starts}
    return {**host_keys(chosen.item, directory), **host.starts}


def _lookup(wish: PluginWish, host: Host | None) -> Lookup:
    """Return the one way in which the host will look up this plugin."""
    if host is None:
        if wish.group is None:
            hint = "name the host with --for, or the group (or the namespace package) with --group"
            raise FindingsError(_SUMMARY, [Finding(wish.name, "it is not known what finds this plugin", hint)])
        return Lookup(style=wish.style or "entry-points", group=wish.group)
    found = {each.group: each for each in lookups_in(host.sources)}
    for group in host.points:
        found.setdefault(group, Lookup(style="entry-points", group=group))
    if wish.group is not None:
        known = found.get(wish.group)
        return Lookup(style=wish.style or (known.style if known else "entry-points"), group=wish.group)
    fitting = [each for each in found.values() if wish.style in (None, each.style)]
    declared = [each for each in fitting if each.group in host.points]
    if len(fitting) == 1 or len(declared) == 1:
        return (declared or fitting)[0]
    if fitting:
        groups = ", ".join(f"{each.group} ({each.style})" for each in fitting)
        finding = Finding(host.name, f"it looks up plugins under several names: {groups}", "choose one with --group")
    else:
        wanted = f" by {wish.style}" if wish.style else ""
        message = f"its source does not show how it looks up plugins{wanted}"
        finding = Finding(host.name, message, "its documentation names a group of entry points: give it with --group")
    raise FindingsError(_SUMMARY, [finding])


def _contract(wish: PluginWish, lookup: Lookup, host: Host | None) -> Contract | None:
    """Return the contract: the given one, that of the manifest, or the only protocol that the host has."""
    point = host.points.get(lookup.group, ExtensionPoint()) if host else ExtensionPoint()
    given = wish.contract or point.contract
    if wish.contract is not None and (host is None or lookup.style == "pluggy"):
        hint = "name the host with --for" if host is None else "leave out --contract: the hooks are read from the host"
        raise FindingsError(_SUMMARY, [Finding(wish.contract, "a contract cannot be used here", hint)])
    if host is None or lookup.style == "pluggy":
        return None
    if given is not None:
        return _named_contract(given, point.provides, host)
    if len(host.sources.protocols) == 1:
        module, name = host.sources.protocols[0]
        defined = host.sources.definition(module, name)
        if defined is not None:
            value = f"{module}:{name}"
            return Contract(value=value, module=module, node=defined[1], provides=None, is_declared=False)
    return None


def _named_contract(value: str, provides: str | None, host: Host) -> Contract:
    """Return a contract with its definition, or with an empty one if it is not the host's but a dependency's."""
    module, _, name = value.partition(":")
    defined = host.sources.definition(module, name)
    if defined is None and any(each.partition(".")[0] == module.partition(".")[0] for each in host.sources.files):
        known = [f"{each}:{own}" for each, own in host.sources.protocols]
        hint = f"check the spelling{did_you_mean(value, known)}"
        raise FindingsError(_SUMMARY, [Finding(value, f"the source of {host.name} does not define it", hint)])
    home, node = defined or (module, ast.Pass())
    return Contract(value=value, module=home, node=node, provides=provides, is_declared=True)


def _to_fill_in(code: PluginCode, module: str) -> list[str]:
    """Return where code is missing, if there is a stub."""
    file = f"src/{module.replace('.', '/')}/__init__.py"
    if code.kind == "hooks" and code.stub.code:
        return [f"{file} has every hook: fill in those that you need, and delete the others"]
    return [f"what {file} has raises NotImplementedError until you fill it in"] if "raise" in code.stub.code else []


def _notes(lookup: Lookup, contract: Contract | None, host: Host | None) -> list[str]:
    """Return what was read from the host and what was not, in lines to print."""
    if host is None:
        return [f"without --for, it is not known what plugins of {lookup.group} must have: fill in the code"]
    lines = [f"{host.name} looks up its plugins by {lookup.style}, as {lookup.group}"]
    if contract is not None:
        why = "" if contract.is_declared else f", the only protocol of {host.name}; --contract names another one"
        lines.append(f"the contract is {contract.value}{why}")
        if isinstance(contract.node, ast.Pass):
            lines.append(f"it is not in the source of {host.name}: fill in the code")
    elif lookup.style != "pluggy":
        lines.append(f"no contract was found in {host.name}: name one with --contract, or fill in the code")
    if not host.starts:
        lines.append(f"{host.name} has no script with its name: write a bundle.toml with `onebin init` to bundle both")
    return lines

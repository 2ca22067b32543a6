"""What is wrong with a catalogue: the rules of a manifest for each host, and those between what is offered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from pydantic import ValidationError

from onebin.catalogue.model import Document, HostOffer as HostTable
from onebin.catalogue.offers import host_keys_of, host_offer, row_of
from onebin.manifest import shown
from onebin.manifest.problems import Problem, broken_rules, wrong_values
from onebin.system import canonical_name, similar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from onebin.catalogue.offers import HostOffer

# The most that a catalogue may have: more is a mistake, or an attack on whoever shows it.
_MOST = {"hosts": 200, "plugins": 500, "variants": 100, "versions": 200, "pythons": 20, "platforms": 20}

# Defaults that stand for those of a table that is wrong itself, so that hosts without their own are not wrong, too.
_SOME = {"pythons": ["3.12"], "platforms": ["linux-x86_64"]}


def problems_of(document: Mapping[str, Any]) -> list[Problem]:
    """Return everything that is wrong with a catalogue, given as the tables that `tomllib` reads."""
    found = list(wrong_values(document, Document))
    hosts, defaults = _table(document.get("hosts")), _table(document.get("catalogue"))
    if any(problem.path[:1] == ("catalogue",) for problem in found):
        defaults = _SOME
    found += _sizes(hosts)
    if document.get("hosts") == {}:
        found.append(Problem(("hosts",), "it offers no host", "add one: [hosts.NAME]"))
    seen: dict[str, str] = {}
    for name, host in hosts.items():
        first = seen.setdefault(name.casefold(), name)
        if first != name:
            message = f"it differs from {shown(first)} in case only, and their files may be one"
            found.append(Problem(("hosts", name), message, "call one of them otherwise"))
        keys = _table(host)
        found += _as_manifest(name, keys)
        if _is_sound(keys):
            found += _of_host(host_offer(name, keys, defaults), keys)
    return found


def _table(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _is_sound(keys: Mapping[str, Any]) -> bool:
    """Return whether the values of a host are right by themselves, so that the rules between them can be checked."""
    try:
        HostTable.model_validate(keys)
    except ValidationError:
        return False
    return True


def _sizes(hosts: Mapping[str, Any]) -> Iterator[Problem]:
    if len(hosts) > _MOST["hosts"]:
        yield Problem(("hosts",), f"it has {len(hosts)} hosts, at most {_MOST['hosts']} are allowed", "make two of it")
    for name, host in hosts.items():
        for key, value in _table(host).items():
            if key in _MOST and isinstance(value, list | dict) and len(value) > _MOST[key]:
                message = f"it has {len(value)} entries, at most {_MOST[key]} are allowed"
                yield Problem(("hosts", name, key), message, "remove some")


def _as_manifest(name: str, keys: Mapping[str, Any]) -> Iterator[Problem]:
    """Check the tables of a host by the rules of a manifest, and have the findings name them where they are here."""
    rows = {
        plugin: row_of(row) if isinstance(row, dict) else row for plugin, row in _table(keys.get("plugins")).items()
    }
    manifest = {"host": host_keys_of(keys), "plugins": rows}
    manifest |= {key: keys[key] for key in ("freeze", "extension-points") if key in keys}
    for path, message, hint in broken_rules(manifest):
        yield Problem(("hosts", name, *(path[1:] if path[0] == "host" else path)), message, hint)


def _of_host(host: HostOffer, keys: Mapping[str, Any]) -> Iterator[Problem]:
    place = ("hosts", host.name)
    for key in ("pythons", "platforms"):
        if not getattr(host, key):
            yield Problem(place, f"`{key}` is missing", f"add {key} = [...], here or in [catalogue]")
    if host.freeze.get("layout") == "onedir":
        message = 'layout = "onedir" makes a folder, and what is asked for is a file'
        yield Problem((*place, "freeze", "layout"), message, 'use layout = "cached", which makes one file')
    yield from _versions(host, keys)
    yield from _paths(host)
    names = [each.name for each in host.plugins]
    for each in host.plugins:
        where = (*place, "plugins", each.name)
        yield from _unknown((*where, "needs"), each.needs, names, each.name)
        yield from _unknown((*where, "conflicts"), each.conflicts, names, each.name)
        for first, second in host.conflicts(host.complete([each.name])):
            message = f"with what it needs, it would have both {first} and {second}, which conflict"
            yield Problem(where, message, "remove it from `needs` or from `conflicts`")
    for variant, plugins in host.variants.items():
        where = (*place, "variants", variant)
        yield from _unknown(where, plugins, names)
        chosen = host.complete(plugins)
        for first, second in host.conflicts(chosen):
            yield Problem(where, f"{first} and {second} conflict", "remove one of them")
        if host.most_plugins is not None and len(chosen) > host.most_plugins:
            yield Problem(
                where, f"it has {len(chosen)} plugins, and most-plugins is {host.most_plugins}", "remove some"
            )


def _versions(host: HostOffer, keys: Mapping[str, Any]) -> Iterator[Problem]:
    place = ("hosts", host.name)
    package = host.keys.get("package")
    try:
        requirement = None if package is None else Requirement(package)
    except InvalidRequirement:
        return  # reported by the field's own check
    if requirement is not None and requirement.specifier:
        hint = f'write package = "{requirement.name}" and version = "{requirement.specifier}"'
        yield Problem((*place, "package"), f"{shown(package)} has a version", hint)
    if requirement is None or requirement.url:
        for key in {"version", "versions"} & keys.keys():
            message = f"`{key}` is for a package from an index"
            yield Problem((*place, key), message, "remove it: a path or URL has one version")
    for version in host.versions:
        if not SpecifierSet(host.version).contains(version, prereleases=True):
            message = f'{version} is not in version = "{host.version}"'
            yield Problem((*place, "versions"), message, "change one of the two")


def _paths(host: HostOffer) -> Iterator[Problem]:
    """Report what lies outside the catalogue's folder on this machine."""
    place = ("hosts", host.name)
    sources = [(place, host.keys), *(((*place, "plugins", each.name), each.row) for each in host.plugins)]
    for where, table in sources:
        if "path" in table and not _is_inside(table["path"]):
            yield _outside((*where, "path"), table["path"])
        for key in ("git", "package"):
            if _is_local(table.get(key, "")):
                yield _outside((*where, key), table[key])
    for folder, path in host.freeze.get("data", {}).items():
        if not _is_inside(path):
            yield _outside((*place, "freeze", "data", folder), path)


def _outside(where: tuple[str, ...], path: str) -> Problem:
    message = f"{shown(path)} may lie outside the catalogue's folder"
    return Problem(where, message, "write a path below that folder, such as plugins/csv")


def _is_inside(path: str) -> bool:
    return not (path.startswith(("/", "~")) or ":" in path or ".." in path.split("/"))


def _is_local(source: str) -> bool:
    _, _, url = source.rpartition("@ ") if "@ " in source else ("", "", source)
    return urlsplit(url.strip()).scheme in ("file", "git+file")


def _unknown(
    where: tuple[str, ...], named: Iterable[str], names: Sequence[str], itself: str | None = None
) -> Iterator[Problem]:
    """Report names that are not those of plugins."""
    known = {canonical_name(name): name for name in names}
    for name in named:
        meant = known.get(canonical_name(name))
        if meant is None:
            near = similar(name, names)
            hint = f"did you mean {near}?" if near else f"the plugins are {', '.join(names)}" if names else "add it"
            yield Problem(where, f"there is no plugin {shown(name)}", hint)
        elif meant == itself:
            yield Problem(where, f"{shown(name)} is the plugin itself", "name another one")

"""Compare an order with a catalogue: every name must be one of it, and the version one that it allows.

Returns what was chosen, or raises CatalogueError with everything that is wrong, each with the nearest name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from onebin.catalogue.writing import Choice
from onebin.errors import CatalogueError, Finding
from onebin.manifest import shown
from onebin.platforms import parse_platform
from onebin.system import similar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from onebin.catalogue.offers import HostOffer, PluginOffer
    from onebin.catalogue.order import Order

_LONGEST = 64  # characters of a version
_SHOWN = 20  # names in a hint
_COMPARED = 3  # unknown names for which similar ones are looked for: with hundreds, that takes seconds


def choose(order: Order, hosts: Mapping[str, HostOffer], file: str) -> Choice:
    """Return what an order means; `file` is how the catalogue is called in findings. Raises CatalogueError."""
    host = hosts.get(order.host)
    if host is None:
        raise _refused(order, [Finding("host", f"{file} has no host {shown(order.host)}", _names(order.host, hosts))])
    findings: list[Finding] = []
    version = _version(order, host, findings)
    plugins = _plugins(order, host, file, findings)
    python = _one_of("python", order.python, host.pythons, host, findings)
    platform = _one_of("platform", _platform(order.platform), host.platforms, host, findings)
    if findings:
        raise _refused(order, findings)
    return Choice(host=host, version=version, plugins=plugins, python=python, platform=platform)


def _refused(order: Order, findings: Sequence[Finding]) -> CatalogueError:
    return CatalogueError(f"the catalogue does not offer this bundle of {shown(order.host)}", findings)


def _names(name: str, known: Mapping[str, object] | Sequence[str]) -> str:
    names = list(known)
    near = similar(name[: 4 * _LONGEST], names)
    if near is not None:
        return f"did you mean {near}?"
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"there are {', '.join(names[:_SHOWN])}{more}" if names else "there are none"


def _version(order: Order, host: HostOffer, findings: list[Finding]) -> str | None:
    from packaging.specifiers import SpecifierSet  # noqa: PLC0415  # slow to load
    from packaging.version import InvalidVersion, Version  # noqa: PLC0415  # as above

    if order.version is None:
        return next(iter(host.versions), None)
    allowed = f"{host.name} {', '.join(host.versions) or host.version or 'in any version'} is offered"
    if "package" not in host.keys or "@" in host.keys["package"]:
        hint = "leave the version out"
        findings.append(Finding("version", f"{host.name} is offered in one version, which has no number here", hint))
        return None
    try:
        version = Version(order.version[: _LONGEST + 1])
    except InvalidVersion:
        findings.append(Finding("version", f"{shown(order.version)} is not a version (PEP 440)", allowed))
        return None
    if len(order.version) > _LONGEST:
        findings.append(Finding("version", f"{shown(order.version)} has over {_LONGEST} characters", allowed))
        return None
    specifier = SpecifierSet(host.version)
    early = bool(host.versions or specifier.prereleases)  # a prerelease must be named by the catalogue
    in_list = not host.versions or str(version) in host.versions
    if not in_list or not specifier.contains(version, prereleases=early):
        findings.append(Finding("version", f"{host.name} {version} is not allowed", allowed))
    return str(version)


def _plugins(order: Order, host: HostOffer, file: str, findings: list[Finding]) -> tuple[PluginOffer, ...]:
    names = [each.name for each in host.plugins]
    if len(order.plugins) > len(names):
        hint = f"{host.name} has {len(names)} in all: name each once"
        findings.append(Finding("plugins", f"{len(order.plugins)} plugins are asked for", hint))
        return ()
    unknown = [name for name in dict.fromkeys(order.plugins) if host.plugin(name) is None]
    for number, name in enumerate(unknown):
        message = f"{file} has no plugin {shown(name)} for {host.name}"
        hint = _names(name, names) if number < _COMPARED else "see the catalogue"
        findings.append(Finding("plugins", message, hint))
    chosen = host.complete(order.plugins)
    if host.most_plugins is not None and len(chosen) > host.most_plugins:
        hint = "leave some out"
        message = f"these are {len(chosen)} plugins with those they need, and {host.name} may have {host.most_plugins}"
        findings.append(Finding("plugins", message, hint))
    for first, second in host.conflicts(chosen):
        findings.append(Finding("plugins", f"{first} and {second} cannot be in one bundle", "leave one of them out"))
    return chosen


def _platform(name: str | None) -> str | None:
    """Return the name of a platform in our form, such as for one of uv's triples; any other text as it is."""
    if name is None or len(name) > _LONGEST:
        return name
    try:
        return parse_platform(name).name
    except ValueError:
        return name


def _one_of(key: str, asked: str | None, known: Sequence[str], host: HostOffer, findings: list[Finding]) -> str:
    """Return the catalogue's own value that equals what is asked for, or the first one."""
    if asked is None:
        return known[0]
    found = next((each for each in known if each == asked), None)
    if found is None:
        findings.append(Finding(key, f"{host.name} is not offered for {key} {shown(asked)}", _names(asked, known)))
    return found or known[0]

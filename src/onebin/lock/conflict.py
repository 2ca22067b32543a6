"""Explain why a manifest cannot be resolved, from uv's output, starting with the names of the plugins."""

from __future__ import annotations

import re
import tomllib
import zipfile
from collections import deque
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name, parse_sdist_filename, parse_wheel_filename

from onebin.errors import LockError, OnebinError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from onebin.manifest import Host, Manifest, PluginRow
    from onebin.python import Failure

_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_EXTRAS = r"(?:\[[^\]]*\])?"
_VERSIONS = r"(?:[<>=!~]=?[^\s,]+(?:,[<>=!~]=?[^\s,]+)*)?"
_DEMAND = re.compile(rf"({_NAME}){_EXTRAS}{_VERSIONS} depends on ({_NAME}){_EXTRAS}({_VERSIONS})")
_UNKNOWN = re.compile(rf"({_NAME}) was not found in the package registry")
_NO_VERSION = re.compile(rf"(?:there (?:is|are) no versions? of|only) ({_NAME})")


@dataclass(frozen=True, order=True)
class _Demand:
    """`source` requires `target` in certain versions ("" for any). If the manifest requires it, `source` is a label."""

    source: str
    target: str
    versions: str

    def __str__(self) -> str:
        return f"{self.target}{self.versions}"


def explain(failure: Failure, manifest: Manifest) -> OnebinError:
    """Return the LockError for a failed resolution; uv's own explanation follows the summary."""
    own = _own_demands(manifest)
    labels = {demand.target: demand.source for demand in own}
    found = [_demand(*each) for each in _DEMAND.findall(failure.text)]
    unknown = _UNKNOWN.search(failure.text)
    if failure.fault is not None:
        package = failure.fault.package or (unknown and unknown[1])
        label = _label(canonicalize_name(package), labels, [*own, *found]) if package else "cannot lock the manifest"
        return failure.become(LockError, label)
    if unknown:
        label = _label(canonicalize_name(unknown[1]), labels, [*own, *found])
        hint = 'check the spelling; for a package of your own, give its folder: { path = "..." }'
        return failure.become(LockError, f"{label}: no such package", hint)
    chains = _chains(own, found)
    if chains:
        lines = "\n".join(map(_render, chains))
        hint = "loosen one of them in the manifest, or remove one of the plugins"
        subject = _with_contracts(chains[0][-1].target, manifest)
        return failure.become(LockError, f"conflicting requirements for {subject}\n{lines}", hint)
    for each in _NO_VERSION.finditer(failure.text):
        label = labels.get(canonicalize_name(each[1]), "")
        if label:
            return failure.become(LockError, f"{label}: no version matches", _version_hint(failure.text))
    return failure.become(LockError, "cannot lock the manifest")


def _with_contracts(package: str, manifest: Manifest) -> str:
    """Return a package's name, followed by the contracts in it: found by its name, or in the host's local files."""
    provided = []
    is_host = package == canonicalize_name(_project_of(manifest.host, manifest, "")[0])
    for group, point in manifest.extension_points.items():
        parts = (point.contract or "").partition(":")[0].split(".")
        likely = {canonicalize_name(".".join(parts[:length])) for length in range(1, len(parts) + 1)}
        if point.contract and (package in likely or (is_host and _host_provides(parts[0], manifest))):
            provided.append(f", which provides {point.contract}, the contract of {group}")
    return package + "".join(provided)


def _host_provides(module: str, manifest: Manifest) -> bool:
    """Return whether a local host's project or wheel has a top-level module."""
    path = manifest.directory / (manifest.host.path or "")
    if manifest.host.path is None or not path.exists():
        return False
    if path.is_dir():
        places = [folder / name for folder in (path / "src", path) for name in (module, f"{module}.py")]
        return any(place.exists() for place in places)
    try:
        with zipfile.ZipFile(path) as wheel:
            return any(name in {module, f"{module}.py"} for name in (each.split("/")[0] for each in wheel.namelist()))
    except (OSError, zipfile.BadZipFile):
        return False


def _version_hint(text: str) -> str:
    if re.search(r"depends on Python|current Python version", text):
        return "it needs another Python: set one in [bundle] python, or ask for another version of the package"
    if "wheel" in text:
        return "it has no wheel for this machine: ask for a version that has one, or allow building it from source"
    return 'ask for a version that exists, or for any: "*"'


def _label(package: str, labels: Mapping[str, str], demands: Sequence[_Demand]) -> str:
    """Return where a requirement for a package comes from: the row that names it, or the chain from a row to it."""
    if package in labels:
        return labels[package]
    last = next((demand for demand in demands if demand.target == package), None)
    chain = _chain_to(last, demands) if last else []
    return _render(chain).strip() if chain else f"a dependency, {package}"


def _own_demands(manifest: Manifest) -> list[_Demand]:
    """Return what the manifest itself requires."""
    rows: list[tuple[str, Host | PluginRow, str]] = [("host", manifest.host, "")]
    rows += [(f"plugin {row.name}", row, row.name) for row in manifest.plugins]
    demands = []
    for label, row, default in rows:
        if row.wanted is not None:
            name, version = _project_of(row, manifest, default)
            demands.append(_demand(label, name, f"{name}=={version}" if version else row.wanted))
    return demands


def _project_of(row: Host | PluginRow, manifest: Manifest, default: str) -> tuple[str, str | None]:
    """Return the name of a row's distribution, and the version of a local one, from its pyproject.toml (PEP 621)."""
    if row.path is None:
        return row.distribution or default, None
    try:
        if not (manifest.directory / row.path).is_dir():
            read = parse_wheel_filename if row.path.endswith(".whl") else parse_sdist_filename
            name, version = read(PurePosixPath(row.path).name)[:2]
            return name, str(version)
        project = tomllib.loads((manifest.directory / row.path / "pyproject.toml").read_text("utf-8"))["project"]
        return str(project["name"]), str(project["version"]) if "version" in project else None
    except (OSError, ValueError, KeyError, TypeError):
        return row.distribution or default, None


def _demand(source: str, target: str, wanted: str) -> _Demand:
    versions = "" if "@" in wanted else re.search(r"(?:[<>=!~]=?.*)?$", wanted)
    plain = source if " " in source or source == "host" else canonicalize_name(source)
    return _Demand(plain, canonicalize_name(target), versions[0].replace(" ", "") if versions else "")


def _chains(own: Sequence[_Demand], found: Sequence[_Demand]) -> list[list[_Demand]]:
    """Return the chains from the manifest to the package with conflicting requirements, those of plugins first."""
    demands = [*own, *sorted(set(found))]
    for package in dict.fromkeys(demand.target for demand in demands):
        last = _conflicting([demand for demand in demands if demand.target == package and demand.versions])
        if len({demand.versions for demand in last}) > 1:
            chains = [chain for demand in last if (chain := _chain_to(demand, demands))]
            if len(chains) > 1:
                return sorted(chains, key=lambda chain: chain[0].source == "host")
    return []


def _conflicting(demands: Sequence[_Demand]) -> list[_Demand]:
    """Return the demands for a package that may conflict: if one is an exact version, those that exclude it."""
    pins = [demand for demand in demands if re.fullmatch(r"==[^*,]+", demand.versions)]
    if not pins:
        return list(demands)
    exact = pins[0].versions.removeprefix("==")
    try:
        others = [each for each in demands if not SpecifierSet(each.versions).contains(exact, prereleases=True)]
    except InvalidSpecifier:  # uv's own notation
        return list(demands)
    return [*others, pins[0]] if others else []


def _chain_to(last: _Demand, demands: Sequence[_Demand]) -> list[_Demand]:
    """Return the shortest chain of demands from the manifest to `last`; empty if there is none."""
    waiting = deque([[last]])
    seen = {last}
    while waiting:
        chain = waiting.popleft()
        if chain[0].source == "host" or chain[0].source.startswith("plugin "):
            return chain
        for demand in demands:
            if demand.target == chain[0].source and demand not in seen:
                seen.add(demand)
                waiting.append([demand, *chain])
    return []


def _render(chain: Sequence[_Demand]) -> str:
    """Return "label -> package<2 -> ..."; a row's demand for its own package is left out, since the label names it."""
    steps = chain[1:] or chain
    return f"  {chain[0].source} -> {' -> '.join(map(str, steps))}"

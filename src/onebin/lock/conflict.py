"""Explain why a manifest cannot be resolved, from uv's output, starting with the names of the plugins."""

from __future__ import annotations

import difflib
import re
import zipfile
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from onebin.errors import Finding, LockError
from onebin.lock.sources import rows_of
from onebin.manifest import PluginRow, distribution_at, local_paths, near_project
from onebin.python import subject_of
from onebin.system import absolute, display, is_there

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from onebin.errors import OnebinError
    from onebin.manifest import Host, Manifest
    from onebin.python import Failure

    Releases = Callable[[str], Sequence[str]]

_SUMMARY = "cannot lock {}"
_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_EXTRAS = r"(?:\[[^\]]*\])?"
_VERSIONS = r"(?:[<>=!~]=?[^\s,]+(?:,[<>=!~]=?[^\s,]+)*)?"
_DEMAND = re.compile(
    # What uv concludes from the requirements of others is no requirement.
    rf"(?:(?<!conclude that )all versions of ({_NAME}){_EXTRAS} depend|({_NAME}){_EXTRAS}{_VERSIONS} depends)"
    rf" on ({_NAME}){_EXTRAS}({_VERSIONS})"
)
_UNKNOWN = re.compile(rf"({_NAME}) was not found in the package registry")
_NO_VERSION = re.compile(
    rf"(?:there (?:is|are) no versions? of|only|all versions of(?= {_NAME} have no usable wheels)) ({_NAME})"
)
# So uv speaks of a package that has no source, either.
_NO_WHEEL = re.compile(rf"\b({_NAME}){_EXTRAS}{_VERSIONS} ha(?:s|ve) no (?:usable )?wheels")


@dataclass(frozen=True, kw_only=True)
class Held:
    """A package of an artifact, by its canonical name, that another one in it requires, with its version there."""

    source: str
    target: str
    version: str


@dataclass(frozen=True, order=True)
class _Demand:
    """`source` requires `target` in certain versions ("" for any). If the manifest requires it, `source` is a label.

    If it `is_held`, the version is that of a bundle which must not change.
    """

    source: str
    target: str
    versions: str
    is_held: bool = False

    def __str__(self) -> str:
        if self.is_held:
            return f"{self.target} ({self.versions.removeprefix('==')} in the artifact)"
        return f"{self.target}{self.versions}"


def explain(
    failure: Failure,
    manifest: Manifest,
    releases: Releases = lambda _: (),
    known: Iterable[str] = (),
    held: Iterable[Held] = (),
    machine: str = " for this machine",
) -> OnebinError:
    """Return the LockError for a failed resolution, with the rows of the manifest that it is about.

    `releases` says which releases of a package there are, and `known` has the names of packages that were locked
    before: both are for hints. `held` is what an artifact has that must not change, and `machine` says what a wheel
    must be for. uv's own explanation is the tail of the error, unless it is a fault of the network.
    """
    own = _own_demands(manifest)
    found = [*own, *_said_demands(failure)]
    found += [_Demand(each.source, each.target, f"=={each.version}", is_held=True) for each in held]
    unknown = _UNKNOWN.search(failure.text)
    if failure.fault is not None:
        package = failure.fault.package or (unknown[1] if unknown else subject_of(failure))
        return _fault(failure.fault.what, package, failure, manifest, found)
    if unknown:
        return _unknown(canonicalize_name(unknown[1]), failure, manifest, found, known)
    chains = _chains(own, found[len(own) :])
    if chains:
        hint = "loosen one of them in the manifest, or remove one of the plugins"
        subject = _with_contracts(chains[0][-1].target, manifest)
        findings = [_finding(chain, manifest) for chain in chains]
        return failure.become(LockError, f"conflicting requirements for {subject}", hint, findings=findings)
    labels = {demand.target: demand for demand in own}
    for each in _NO_VERSION.finditer(failure.text):
        demand = labels.get(canonicalize_name(each[1]))
        if demand:
            message, hint = _no_version(demand, failure.text, releases, machine)
            finding = Finding(_place(demand.source, manifest), message)
            return failure.become(LockError, _SUMMARY.format(display(manifest.file)), hint, findings=[finding])
    without = _without_wheel(failure, manifest, found, machine)
    if without:
        hint = "it has no source distribution either: choose another version, or remove it"
        return failure.become(LockError, _SUMMARY.format(display(manifest.file)), hint, findings=without)
    return _other(failure, manifest, found)


def names_nothing(failure: Failure) -> bool:
    """Return whether a resolution failed because an index has no such package, or none in such a version."""
    return failure.fault is None and bool(_UNKNOWN.search(failure.text) or _NO_VERSION.search(failure.text))


def requiring(package: str, failure: Failure, manifest: Manifest) -> tuple[str, str]:
    """Return where the manifest names what requires a package, and ", which A -> B requires"; both "" if uv is silent.

    The second is empty if the manifest requires the package itself.
    """
    chain = _chain_of(package, [*_own_demands(manifest), *_said_demands(failure)])
    return (_place(chain[0].source, manifest), _via(chain)) if chain else ("", "")


def _said_demands(failure: Failure) -> list[_Demand]:
    """Return the requirements that uv's message has."""
    said = _DEMAND.findall(" ".join(failure.text.split()))  # uv wraps lines
    return [_demand(every or source, *rest) for every, source, *rest in said]


def _fault(
    what: str, package: str | None, failure: Failure, manifest: Manifest, demands: Sequence[_Demand]
) -> OnebinError:
    """Return the error for a fault of the network, at the row that leads to the package, if it is about a known one."""
    chain = _chain_of(canonicalize_name(package), demands) if package else []
    row = _local_row(failure, manifest)
    where = manifest.where(row) if row is not None else _place(chain[0].source, manifest) if chain else None
    via = f"{package}{_via(chain)}: " if chain[1:] else ""
    if row is not None and failure.fault is not None and failure.fault.package not in (None, subject_of(failure)):
        via = f"its build needs {package}: "
    findings = [] if where is None else [Finding(where, f"{via}{what}")]
    return failure.become(LockError, _SUMMARY.format(display(manifest.file)), findings=findings)


def _unknown(
    package: str, failure: Failure, manifest: Manifest, demands: Sequence[_Demand], known: Iterable[str]
) -> OnebinError:
    """Return the error for a package that the index does not have, or does not show."""
    chain = _chain_of(package, demands)
    where, via = _place(chain[0].source, manifest) if chain else display(manifest.file), _via(chain)
    summary = _SUMMARY.format(display(manifest.file))
    hint = _spelling_hint(
        package, None if via else manifest, {*known} - {each.target for each in _own_demands(manifest)}
    )
    row = next((row for row in rows_of(manifest) if manifest.where(row) == where and row.path), None)
    if via and row is not None:
        hint = f"check the dependencies of {row.path}"
    return failure.become(LockError, summary, hint, findings=[Finding(where, f"no such package: {package}{via}")])


def _spelling_hint(package: str, manifest: Manifest | None, others: Iterable[str]) -> str:
    """Return what a name that no index has may mean: a project near the manifest, or one of other packages.

    What is in the manifest already is not meant. Without a manifest, a project is not meant either.
    """
    directory = manifest and manifest.directory
    near = manifest and near_project(package, manifest.directory, taken=local_paths(manifest))
    similar = difflib.get_close_matches(package, others, 1)
    if near:
        return f'did you mean the project {{ path = "{near}" }}?'
    if similar:
        return f"did you mean {similar[0]}?"
    if directory and is_there(directory / package):
        return f"./{package} is here, but is not a Python project: it has no pyproject.toml"
    return 'check the spelling; for a package of your own, give its folder: { path = "..." }'


def _without_wheel(failure: Failure, manifest: Manifest, demands: Sequence[_Demand], machine: str) -> list[Finding]:
    """Return a finding for each package without a wheel that a row leads to, but for those that only lead to others.

    Of the latter, uv says it of old versions.
    """
    names = {str(canonicalize_name(name)) for name in _NO_WHEEL.findall(" ".join(failure.text.split()))}
    chains = [chain for name in sorted(names) if (chain := _chain_of(name, demands))]
    between = {demand.target for chain in chains for demand in chain[:-1]}
    return [
        Finding(
            _place(chain[0].source, manifest), f"{name}{_via(chain)}{',' if chain[1:] else ''} has no wheel{machine}"
        )
        for chain in chains
        if (name := chain[-1].target) not in between
    ]


def _other(failure: Failure, manifest: Manifest, demands: Sequence[_Demand]) -> OnebinError:
    """Return the error for a package that cannot be fetched or built, or for anything else."""
    summary = _SUMMARY.format(display(manifest.file))
    package = subject_of(failure)
    if package is None:
        return failure.become(LockError, summary)
    row = _local_row(failure, manifest)
    if row is not None:
        is_built = "Failed to build" in failure.text
        finding = Finding(manifest.where(row), f"{row.path} {'does not build' if is_built else 'cannot be read'}")
        return failure.become(LockError, summary, "fix the project there" if is_built else None, findings=[finding])
    chain = _chain_of(canonicalize_name(package), demands)
    where = _place(chain[0].source, manifest) if chain else display(manifest.file)
    what = "does not build" if "Failed to build" in failure.text else "cannot be fetched"
    return failure.become(LockError, summary, findings=[Finding(where, f"{package} {what}")])


def _local_row(failure: Failure, manifest: Manifest) -> Host | PluginRow | None:
    """Return the row with the local path that the message is about, if it is about one."""
    said = " ".join(failure.raw.split())
    paths = ((row, row.path) for row in rows_of(manifest) if row.path)
    return next((row for row, path in paths if f"@ {absolute(manifest.directory / path).as_uri()}`" in said), None)


def _via(chain: Sequence[_Demand]) -> str:
    """Return what requires the package at the end of a chain, unless it is the row itself."""
    return f", which {' -> '.join([chain[0].target, *map(str, chain[1:-1])])} requires" if chain[1:] else ""


def _finding(chain: Sequence[_Demand], manifest: Manifest) -> Finding:
    """Return what a row requires, as one side of a conflict; a row's demand for its own package is left out."""
    row = {_label(row): row for row in rows_of(manifest)}[chain[0].source]
    steps = " -> ".join(map(str, chain[1:] or chain))
    return Finding(manifest.where(row), f"{'it is' if row.path and not chain[1:] else 'requires'} {steps}")


def _place(source: str, manifest: Manifest) -> str:
    """Return where the row with a label is."""
    rows = {_label(row): row for row in rows_of(manifest)}
    return manifest.where(rows[source])


def _label(row: Host | PluginRow) -> str:
    return f"plugin {row.name}" if isinstance(row, PluginRow) else "host"


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


def _no_version(demand: _Demand, text: str, releases: Releases, machine: str) -> tuple[str, str]:
    """Return why no version of a package can be locked, and what to do."""
    python = re.search(r"depends on (Python[<>=!~][^\s,]*)", text)
    if python or "current Python version" in text:
        return (
            f"{demand} needs {python[1] if python else 'another Python'}",
            "set one in [bundle] python, or ask for another version of the package",
        )
    if "wheel" in text:
        hint = "ask for a version with such a wheel, or allow building it from source"
        return f"{demand} has no wheel{machine}", hint
    found = releases(demand.target)
    if not found and not demand.versions:
        return f"the index has no version of {demand.target}", "check the name, and the index in uv's settings"
    newest = f"the newest are {', '.join(found)}" if len(found) > 1 else f"there is only {''.join(found)}"
    return f"no version of {demand.target} matches {demand}", newest if found else 'write "*" for any version'


def _chain_of(package: str, demands: Sequence[_Demand]) -> list[_Demand]:
    """Return the shortest chain of demands from a row to a package; empty if none is known."""
    chains = [_chain_to(demand, demands) for demand in demands if demand.target == package]
    return min(filter(None, chains), key=len, default=[])


def _own_demands(manifest: Manifest) -> list[_Demand]:
    """Return what the manifest itself requires."""
    demands = []
    for row in rows_of(manifest):
        if row.wanted is not None:
            name, version = _project_of(row, manifest, row.name or "")
            demands.append(_demand(_label(row), name, f"{name}=={version}" if version else row.wanted))
    return demands


def _project_of(row: Host | PluginRow, manifest: Manifest, default: str) -> tuple[str, str | None]:
    """Return the name of a row's distribution, and the version of a local one, from its pyproject.toml (PEP 621)."""
    name, version = (None, None) if row.path is None else distribution_at(manifest.directory / row.path)
    return name or row.distribution or default, version


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

"""What a side-car brings: the distributions of its stage that the artifact does not have, as they were installed."""

from __future__ import annotations

import hashlib
import re
import stat
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from onebin.codegen import symbols_of
from onebin.errors import Finding, PlanError, StageError, os_errors
from onebin.sidecar.checking import replaced
from onebin.sidecar.facts import ANY, cache_tag, path_problems
from onebin.sidecar.modules import Modules, hidden, imports, missing
from onebin.survey import Demand, demands_of, module_name, reached
from onebin.system import count, read_bytes
from onebin.tree import places_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from onebin.check import Plan, PlannedPlugin
    from onebin.sidecar.facts import FileEntry, SideCarFacts
    from onebin.sidecar.resolution import Target
    from onebin.survey import Distribution

_LARGEST = 256 * 2**20  # bytes of one file: a side-car may not be larger
_SHOWN = 3
_NATIVE = re.compile(r"\.(?:so(?:\.[0-9]+)*|pyd|dll|dylib)$")


@dataclass(frozen=True, kw_only=True)
class Contents:
    """The facts of a side-car, and its files by their paths below site-packages; `notes` are lines to print."""

    facts: SideCarFacts
    files: Mapping[str, bytes] = field(repr=False)
    notes: tuple[str, ...]


def collect(planned: Plan, row: str, target: Target, *, sequence: int) -> Contents:
    """Return what a plugin brings to an artifact; raises PlanError with everything that cannot be in a side-car."""
    plugin = next(each for each in planned.plugins if each.name == row)
    artifact = Modules.on(target.facts)
    brought = _brought(planned, plugin, target)
    paths, notes = _paths(brought)
    findings = [
        *_other_sources(planned, target),
        *(Finding(plugin.name, problem, "rename it") for problem in path_problems(filter(_is_ordinary, paths))),
        *_start_files(brought),
        *hidden(
            paths,
            artifact.installed | _installed(planned, target),
            artifact.library | planned.interpreter.library_names,
        ),
        *replaced(
            ((each.name, point.group, point.name) for each in brought.values() for point in each.plugs), target.facts
        ),
    ]
    opened = [*plugin.modules, *(point.module for point in plugin.entry_points)]
    lacking, optional = missing(brought, opened, artifact, planned.survey)
    if findings or lacking:
        raise PlanError(f"{plugin.name} cannot be a side-car of {target.name}", [*findings, *lacking])
    with os_errors(StageError, "read the files of", planned.stage.directory):
        files = {path: read_bytes(file, most=_LARGEST) for path, file in paths.items()}
        entries = {path: _entry(files[path], file) for path, file in paths.items()}
    facts = _facts(planned, plugin, target, brought, entries, sequence)
    return Contents(facts=facts, files=files, notes=(*notes, *optional))


def _facts(
    planned: Plan,
    plugin: PlannedPlugin,
    target: Target,
    brought: Mapping[str, Distribution],
    entries: Mapping[str, FileEntry],
    sequence: int,
) -> SideCarFacts:
    native = sorted(path for path in entries if _NATIVE.search(path))
    isolate = next(each for each in planned.manifest.plugins if each.name == plugin.name).isolate
    python = cache_tag(planned.interpreter.implementation, planned.interpreter.minor)
    return {
        "format": 1,
        "bundle": target.name,
        "name": plugin.distribution,
        "version": plugin.version,
        "sequence": sequence,
        "python": python if native else ANY,
        "platform": planned.interpreter.platform if native else ANY,
        "requires": _requires(planned, plugin, target, brought),
        "brings": [{"name": each.name, "version": each.version} for each in brought.values()],
        "modules": list(plugin.modules),
        "top_level": sorted({name.partition(".")[0] for path in entries if (name := module_name(PurePosixPath(path)))}),
        "entry_points": [(point.group, point.name, point.value) for point in plugin.entry_points],
        "symbols": list(symbols_of(plugin, planned.contracts)),
        "isolate": isolate,
        "native": native,
        "files": dict(entries),
    }


def _brought(planned: Plan, plugin: PlannedPlugin, target: Target) -> dict[str, Distribution]:
    """Return the distributions that the artifact does not have: the plugin's, then the others by name."""
    new = [each for each in planned.survey.distributions.values() if each.name not in target.versions]
    return {each.name: each for each in sorted(new, key=lambda each: (each.name != plugin.distribution, each.name))}


def _installed(planned: Plan, target: Target) -> set[str]:
    """Return the modules of the artifact's distributions, also of what a lean one left out: they keep their names."""
    own = (each for each in planned.survey.distributions.values() if each.name in target.versions)
    return {module for each in own for module in each.modules}


def _requires(
    planned: Plan, plugin: PlannedPlugin, target: Target, brought: Mapping[str, Distribution]
) -> dict[str, str]:
    """Return what the artifact must hold: the host, what is required of it, and what is imported from it."""
    survey, has = planned.survey, target.versions
    demands = demands_of(survey)
    row = next(each for each in planned.manifest.plugins if each.name == plugin.name)
    wanted = Demand(name=plugin.distribution, extras=frozenset(row.extras))
    needed = reached(demands, [wanted], without=has)
    names = {planned.host.name, *(each.name for one in needed for each in demands(one.name, one.extras))}
    owners = (survey.of_module(each.target) for each in imports(brought))
    names |= {each.name for each in owners if each is not None}
    return {name: has[name] for name in sorted(names & has.keys())}


def _paths(brought: Mapping[str, Distribution]) -> tuple[dict[str, Path], list[str]]:
    """Return the files below site-packages by path, and a line for each distribution that has others, too."""
    paths: dict[str, Path] = {}
    notes = []
    for each in brought.values():
        outside = sorted(file for file in each.files.recorded if file.startswith("../"))
        paths |= {file: each.site_packages / file for file in each.files.recorded if file not in outside}
        if outside:
            shown = ", ".join(file.rpartition("../")[2] for file in outside[:_SHOWN])
            more = f" and {count(len(outside) - _SHOWN, 'other file')}" if len(outside) > _SHOWN else ""
            notes.append(f"left out of {each.title}, because it is outside site-packages: {shown}{more}")
    return dict(sorted(paths.items())), notes


def _start_files(brought: Mapping[str, Distribution]) -> Iterator[Finding]:
    """Report .pth files: the interpreter reads them when it starts, and side-cars are recognised after that."""
    for each in brought.values():
        for file in each.files.recorded:
            if not _is_ordinary(file):
                what = f"{each.title} has it for the start of the interpreter, which is over when side-cars are found"
                yield Finding(file, what, "build the artifact with the plugin instead")


def _is_ordinary(path: str) -> bool:
    return not path.lower().endswith(".pth")


def _other_sources(planned: Plan, target: Target) -> Iterator[Finding]:
    """Report local projects of the artifact whose modules are not those in it: the plugin was checked with others."""
    root = places_of(planned.interpreter).site_packages
    there = {row["path"]: row["sha256"] for row in target.facts["files"]}
    local = {str(canonicalize_name(each["name"])) for each in target.facts["distributions"] if not each["sha256"]}
    for each in planned.survey.distributions.values():
        if each.name not in local:
            continue
        for file in each.files.python:
            path = file.relative_to(each.site_packages).as_posix()
            expected = there.get(f"{root}/{path}")
            if expected is not None and hashlib.sha256(file.read_bytes()).hexdigest() != expected:
                hint = "get the original sources, or give their folder with --sources"
                yield Finding(path, f"the sources of {each.title} are not those in the artifact", hint)
                break


def _entry(content: bytes, file: Path) -> FileEntry:
    is_executable = bool(file.stat().st_mode & stat.S_IXUSR)
    return {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "executable": is_executable}

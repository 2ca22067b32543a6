"""Decide what is collected into a bundle: modules, data files, metadata and sources."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from onebin.manifest import is_excluded
from onebin.survey import RUNTIME, named_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from onebin.check import Plan
    from onebin.stage import Toolchain
    from onebin.survey import Distribution

# Where onebin_runtime._distribution looks for .dist-info files in the artifact.
METADATA_FOLDER = "onebin_metadata"


def declared_modules(plan: Plan) -> list[str]:
    """Return the modules that must be in the artifact: those of host and plugins, and those the manifest includes."""
    survey = plan.survey
    whole = [plan.host.name, *(plugin.distribution for plugin in plan.plugins)]
    wanted = {module for name in whole for module in survey.distributions[name].modules}
    wanted |= {module for plugin in plan.plugins for module in plugin.modules}
    known = (*survey.owners, *survey.interpreter.standard_library)
    for name in plan.manifest.freeze.include:
        wanted |= {module for module in known if module == name or module.startswith(f"{name}.")}
    return sorted(module for module in wanted if not is_excluded(module, plan.manifest.freeze.exclude))


def collect(plan: Plan, toolchain: Toolchain) -> dict[str, Any]:
    """Return the part of build.json about what to collect and what to leave out."""
    survey = plan.survey
    distributions = survey.distributions.values()
    excluded = plan.manifest.freeze.exclude
    not_staged = [name for name in toolchain.modules if survey.of_module(name) is None]
    on_disk = list(_on_disk(plan))
    modules = {*declared_modules(plan), *_found_at_run_time(plan)}
    others = {*survey.owners, *survey.interpreter.standard_library} - modules
    modules |= named_in([file for each in distributions for file in each.files.extensions], others)
    return {
        "site_packages": str(survey.stage.site_packages),
        "modules": sorted(module for module in modules if not is_excluded(module, excluded)),
        "excludes": [*excluded, *not_staged, *_unreached(plan)],
        "data": {
            name: [[file.replace("../", ""), os.path.normpath(survey.stage.site_packages / file)] for file in files]
            for name, files in _data(plan)
        },
        "late_hooks": sorted(toolchain.late_hooks),
        "on_disk": sorted(module for each in on_disk for module in each.modules),
        "sources": [row for each in on_disk for row in _sources(each, excluded)],
        "always": [
            *(row for each in distributions for row in _metadata(each)),
            *_own_data(plan),
            *_library_sources(plan),
        ],
        "files": survey.recorded,
    }


def _found_at_run_time(plan: Plan) -> Iterator[str]:
    """Yield modules that no import statement names: imported by computed name, plugged in, compiled, or run with `-m`.

    If a distribution imports by computed names, a user's settings or another distribution may give it the name of any
    module. Then everything that is locked must be included.
    """
    distributions = list(plan.survey.distributions.values())
    hosts = {plan.host.name, *(plugin.distribution for plugin in plan.plugins)}
    groups = {point.group for each in distributions for point in each.plugs}
    used = {group for group in groups if not hosts.isdisjoint(plan.survey.mentioning(group))}
    for each in distributions:
        if plan.survey.importing_by_name:
            yield from each.modules
        for point in each.plugs:
            if point.module in plan.survey.owners and point.group in used:
                yield point.module
        yield from each.behaviour.run_as_main
        if each.files.extensions:
            yield from each.modules
    if plan.manifest.host.interpreter or any(
        plan.survey.distributions[name].behaviour.runs_foreign_code for name in hosts
    ):
        yield from plan.interpreter.standard_library
    for each in plan.survey.distributions.values():
        for line in each.start_lines:
            words = set(re.findall(r"[A-Za-z_][A-Za-z0-9_.]*", line))
            yield from sorted(words & set(each.modules))


def _unreached(plan: Plan) -> Iterator[str]:
    """Yield modules that only other parts of the standard library use, and only optionally.

    `hashlib` gets the hashes that are always available from other modules; OpenSSL's are for programs that need more.
    `help` needs pydoc, and with it a web server, in programs that call it.
    """
    distributions = plan.survey.distributions.values()
    by_name = any(each.behaviour.imports_by_name or each.behaviour.runs_foreign_code for each in distributions)
    if by_name or plan.manifest.host.interpreter:
        return
    if not any(map(plan.survey.importing, ("hashlib", "hmac", "ssl", "_hashlib"))):
        yield "_hashlib"
    helpers = ("pydoc", "pdb", "doctest", "cgitb", "xmlrpc")  # everything in the library that imports pydoc
    if not any(map(plan.survey.importing, helpers)) and not any(each.words.calls_help for each in distributions):
        yield "pydoc"


def _sources(distribution: Distribution, excluded: Sequence[str]) -> Iterator[list[str]]:
    left_out = {str(file) for name, file in distribution.modules.items() if is_excluded(name, excluded)}
    for file in distribution.files.sources:
        source = str(distribution.site_packages / file)
        if source not in left_out:
            yield [file, source]


def _on_disk(plan: Plan) -> Iterator[Distribution]:
    """Yield the distributions whose modules are files in the artifact, with source and bytecode.

    Those of host and plugins are: hosts search folders for plugins, read sources, and show them in tracebacks. So are
    those of dependencies that may look at their own files, portions of namespace packages, and what the manifest
    names. All others go into the archive.
    """
    survey = plan.survey
    owners = {owner.name for name in plan.manifest.freeze.keep_source if (owner := survey.of_module(name))}
    owners |= {plan.host.name, *(plugin.distribution for plugin in plan.plugins)}
    for each in survey.distributions.values():
        # The runtime is frozen from the generated source; the host's own copy would be a duplicate.
        if each.name != RUNTIME and (each.name in owners or each.behaviour.reads_itself or each.is_part_of_namespace):
            yield each


def _data(plan: Plan) -> Iterator[tuple[str, list[str]]]:
    """Yield each distribution with its data files: all files of host and plugins, of others all but stubs and headers.

    Stubs are included if anything in the bundle reads stubs, because only a run can show which ones.
    """
    names = {plan.host.name, *(plugin.distribution for plugin in plan.plugins)}
    stubs_are_read = any(each.words.reads_stubs for each in plan.survey.distributions.values())
    for each in plan.survey.distributions.values():
        for_tools = [
            file for file in each.files.for_tools if each.name in names or (stubs_are_read and file.endswith(".pyi"))
        ]
        yield each.name, [*each.files.data, *each.files.shared, *for_tools]


def _metadata(distribution: Distribution) -> Iterator[list[str]]:
    for file in distribution.files.metadata:
        yield [f"{METADATA_FOLDER}/{file}", str(distribution.site_packages / file)]


def _library_sources(plan: Plan) -> Iterator[list[str]]:
    """Yield the standard library's source files if the source of any module may be read, for example by a linter."""
    if any(each.behaviour.reads_others for each in plan.survey.distributions.values()):
        sources = plan.interpreter.library_sources
        yield from ([place, str(file)] for place, file in sources.items())


def _own_data(plan: Plan) -> Iterator[list[str]]:
    """Yield the data files that the manifest adds: a single file, or all files below a folder."""
    manifest = plan.manifest
    for place, source in manifest.freeze.data.items():
        path = manifest.directory / source
        if path.is_dir():
            found = sorted(file for file in path.rglob("*") if file.is_file())
            yield from ([f"{place}/{file.relative_to(path).as_posix()}", str(file)] for file in found)
        else:
            yield [f"{place}/{path.name}", str(path)]

"""Decide what an analysis begins with, and what goes into an artifact, for build.json."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from onebin.codegen.isolation import isolated
from onebin.codegen.side_cars import RUNTIME, SIDE_CARS, SIDE_CARS_PACKAGE
from onebin.manifest import is_excluded
from onebin.survey import named_in
from onebin.tree import GENERATED, Installation, installation

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from onebin.check import Plan
    from onebin.stage import Toolchain

START = "onebin_start"


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


def has_start_hook(plan: Plan) -> bool:
    """Return whether something happens before the host: plugins are prepared, or the program says what it is."""
    manifest = plan.manifest
    return has_plugins_at_start(plan) or manifest.host.about is not None or manifest.side_cars is not None


def has_plugins_at_start(plan: Plan) -> bool:
    """Return whether there are plugins to import or to isolate before the host."""
    return bool(plan.eager or any(isolated(plan)))


def collect(plan: Plan, toolchain: Toolchain) -> dict[str, Any]:
    """Return the part of build.json about what to analyse and what to put into the artifact; raises OSError."""
    excluded = plan.manifest.freeze.exclude
    installed = installation(plan)
    places = installed.places
    modules = {*declared_modules(plan), *_found_at_run_time(plan), START}
    if plan.manifest.side_cars is not None:
        modules |= {SIDE_CARS, f"{RUNTIME}.{SIDE_CARS_PACKAGE}"}
    is_tree, is_lean = plan.layout != "onefile", plan.manifest.freeze.collect == "lean"
    if is_lean or not is_tree:
        modules |= set(_that_nobody_names(plan, installed))
    return {
        "modules": sorted(module for module in modules if not is_excluded(module, excluded)),
        "excludes": [
            *excluded,
            *(name for name in toolchain.modules if plan.survey.of_module(name) is None),
            *(_unreached(plan) if is_lean else ()),
        ],
        "files": {place: str(file) for place, file in (installed.files if is_tree else _loose(installed)).items()},
        "links": dict(installed.links) if is_tree else {},
        "sourceless": is_lean and not any(each.behaviour.reads_others for each in plan.survey.distributions.values()),
        "optional": dict(installed.optional) if is_tree and is_lean else {},
        "roots": [GENERATED, places.programs, places.library, places.extensions, places.site_packages],
        "library": places.library,
        "script": installed.script,
        "shared_libraries": places.shared_libraries,
        "loose_data": places.site_packages,
        "python_variables": plan.manifest.host.python_variables,
        "start_hook": has_start_hook(plan),
        "quiet_exit": plan.manifest.host.quiet_exit,
        "compiled_patterns": plan.manifest.host.compiled_patterns,
        "huge_pages": plan.manifest.host.huge_pages,
        "library_folders": list(map(str, plan.interpreter.stdlib)),
        "suffixes": list(plan.interpreter.suffixes),
        "built_in": list(plan.interpreter.built_in),
        "is_foreign": plan.interpreter.is_foreign,
    }


def _loose(installed: Installation) -> Mapping[str, Any]:
    """Return the files of the distributions by their places beside a one-file program's modules."""
    top = f"{installed.places.site_packages}/"
    return {
        place.removeprefix(top): file
        for place, file in installed.files.items()
        if place.startswith((top, "share/", "etc/"))
    }


def _that_nobody_names(plan: Plan, installed: Installation) -> Iterator[str]:
    """Yield modules that could be imported without a statement that names them, for an artifact that is not whole.

    If a distribution imports by computed names, a user's settings or another distribution may give it the name of any
    module. Compiled modules may import what is mentioned in their files.
    """
    survey, distributions = plan.survey, list(plan.survey.distributions.values())
    hosts = {plan.host.name, *(plugin.distribution for plugin in plan.plugins)}
    present = {*installed.files.values()}
    library = {name for name, file in survey.interpreter.standard_library.items() if file in present}
    for each in distributions:
        if survey.importing_by_name or each.files.extensions:
            yield from each.modules
    if any(survey.distributions[name].behaviour.runs_foreign_code for name in hosts):
        yield from library
    yield from named_in([file for each in distributions for file in each.files.extensions], {*survey.owners, *library})


def _unreached(plan: Plan) -> Iterator[str]:
    """Yield modules that only other parts of the standard library use, and only optionally, for a lean artifact.

    `hashlib` gets the hashes that are always available from other modules; OpenSSL's are for programs that need more.
    `help` needs pydoc, and with it a web server, in programs that call it.
    """
    distributions = plan.survey.distributions.values()
    if any(each.behaviour.imports_by_name or each.behaviour.runs_foreign_code for each in distributions):
        return
    if not any(map(plan.survey.importing, ("hashlib", "hmac", "ssl", "_hashlib"))):
        yield "_hashlib"
    helpers = ("pydoc", "pdb", "doctest", "cgitb", "xmlrpc")  # everything in the library that imports pydoc
    if not any(map(plan.survey.importing, helpers)) and not any(each.words.calls_help for each in distributions):
        yield "pydoc"


def _found_at_run_time(plan: Plan) -> Iterator[str]:
    """Yield modules that no import statement names: plugged in, run with `-m`, or named in a .pth file.

    They are in the artifact in any case. That the analysis begins with them makes them fast.
    """
    distributions = list(plan.survey.distributions.values())
    hosts = {plan.host.name, *(plugin.distribution for plugin in plan.plugins)}
    groups = {point.group for each in distributions for point in each.plugs}
    used = {group for group in groups if not hosts.isdisjoint(plan.survey.mentioning(group))}
    for each in distributions:
        for point in each.plugs:
            if point.module in plan.survey.owners and point.group in used:
                yield point.module
        yield from each.behaviour.run_as_main
        for line in each.start_lines:
            words = set(re.findall(r"[A-Za-z_][A-Za-z0-9_.]*", line))
            yield from sorted(words & set(each.modules))

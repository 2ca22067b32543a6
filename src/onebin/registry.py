"""Generate the source that is frozen: the registry of the plugins, the metadata index, the entry and the spec.

Enters: a Plan. Leaves: a Source, all files as text. Nothing that comes from a manifest or a package can become code:
every literal goes through `repr`, and a name stands in an import statement only if it is a dotted identifier.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from onebin import __version__
from onebin.contribution import PlannedPlugin
from onebin.description import describe
from onebin.digest import sha256_of
from onebin.distribution import RUNTIME, importable
from onebin.errors import FreezeError, os_errors
from onebin.fits import fits_of
from onebin.graph import graph
from onebin.isolation import isolated
from onebin.native import named_in
from onebin.shipped import driver_dir, runtime_dir
from onebin.templates import render_python

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from onebin.contract import Plan
    from onebin.distribution import Distribution
    from onebin.manifest_model import Layout
    from onebin.toolchain import Toolchain

# Where onebin_runtime._metadata looks for .dist-info files in the artifact.
METADATA_FOLDER = "onebin_metadata"

REGISTRY = "onebin_registry.py"


@dataclass(frozen=True, kw_only=True)
class Source:
    """The generated files by name, and the digest of them all."""

    name: str
    layout: Layout
    files: Mapping[str, str]
    digest: str

    @property
    def spec(self) -> str:
        """The file that PyInstaller reads."""
        return f"{self.name}.spec"

    def write(self, directory: Path) -> None:
        """Write all files below a directory; raises FreezeError."""
        with os_errors(FreezeError, "write the generated source to", directory):
            for name, text in self.files.items():
                file = directory / name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text, "utf-8", newline="\n")


def render(plan: Plan, toolchain: Toolchain, layout: Layout) -> Source:
    """Return the source of a plan."""
    name = plan.manifest.bundle.name
    facts = _facts(plan)
    freeze = plan.manifest.freeze
    generated = {
        REGISTRY: render_registry(plan),
        "onebin_facts.py": render_python("facts.py.j2", facts=json.loads(json.dumps(describe(plan))), **facts),
        "onebin_index.py": render_python("index.py.j2", distributions=plan.survey.distributions.values(), **facts),
        "onebin_late.py": render_python("late.py.j2", hooks=toolchain.late_hooks, **facts),
        "no_ctypes.py": '"""What the boot loader finds in place of its hooks for ctypes."""\n\ninstall = bool\n',
        "onebin_runpath.py": driver_dir().joinpath("runpath.py").read_text("utf-8"),
        "entry.py": render_python("entry.py.j2", start_lines=_start_lines(plan), **_entry(plan), **facts),
        f"{name}.spec": render_python(
            "bundle.spec.j2",
            layout=layout,
            optimize=freeze.optimize,
            strip=freeze.strip,
            **facts,
        ),
        "collect.json": json.dumps(_collect(plan, toolchain), indent=1) + "\n",
        **runtime_modules(),
    }
    return Source(name=name, layout=layout, files=generated, digest=sha256_of(generated))


def render_registry(plan: Plan) -> str:
    """Return the registry alone: the module that imports every plugin, and that a type checker can judge."""
    fits = [fit for fit in fits_of(plan) if fit.is_checkable]
    return render_python(
        "registry.py.j2",
        **_registry(plan),
        fits=fits,
        contract_modules=list(dict.fromkeys(fit.contract_module for fit in fits)),
        **_facts(plan),
    )


def _facts(plan: Plan) -> dict[str, Any]:
    return {
        "version": __version__,
        "lock_digest": plan.survey.stage.lock.digest,
        "name": plan.manifest.bundle.name,
    }


def declared_modules(plan: Plan) -> list[str]:
    """Return the modules that must be in the artifact: those of host and plugins, and what the manifest includes."""
    survey = plan.survey
    whole = [plan.host.name, *(plugin.distribution for plugin in plan.plugins)]
    wanted = {module for name in whole for module in survey.distributions[name].modules}
    wanted |= {module for plugin in plan.plugins for module in plugin.modules}
    known = (*survey.owners, *survey.stage.lock.interpreter.standard_library)
    for name in plan.manifest.freeze.include:
        wanted |= {module for module in known if module == name or module.startswith(f"{name}.")}
    return sorted(module for module in wanted if not is_excluded(module, plan.manifest.freeze.exclude))


def is_excluded(module: str, excluded: Iterable[str]) -> bool:
    """Tell whether a module is, or lies in, one that the manifest leaves out."""
    return any(module == name or module.startswith(f"{name}.") for name in excluded)


def _registry(plan: Plan) -> dict[str, Any]:
    return {
        "graph": graph(plan),
        "plugins": [_row(plan, plugin, f"_open_{number}") for number, plugin in enumerate(plan.plugins, 1)],
        "built_in": [_row(plan, each, f"_open_built_in_{number}") for number, each in enumerate(_built_in(plan), 1)],
        "isolated": list(isolated(plan)),
        "extension_points": {
            group: (point.load, point.on_error) for group, point in plan.manifest.extension_points.items()
        },
    }


def _row(plan: Plan, plugin: PlannedPlugin, function: str) -> dict[str, Any]:
    return {
        "function": f"{function}_{re.sub(r'[^a-z0-9]+', '_', plugin.name.lower()).strip('_')}",
        "name": plugin.name,
        "distribution": plan.survey.distributions[plugin.distribution].title,
        "version": plugin.version,
        "modules": [{"name": module, "importable": importable(module)} for module in plugin.modules],
        "entry_points": plugin.entry_points,
    }


def _built_in(plan: Plan) -> Iterator[PlannedPlugin]:
    """Yield what else extends a group that the host looks up: the host itself, then its dependencies."""
    rows = {plugin.distribution for plugin in plan.plugins}
    groups = {point.group for plugin in plan.plugins for point in plugin.entry_points}
    groups |= {*plan.manifest.extension_points, *(point.group for point in plan.host.plugs)}
    others = (each for each in plan.survey.distributions.values() if each.name != plan.host.name)
    for each in (plan.host, *others):
        points = tuple(point for point in each.plugs if point.group in groups or plan.host.mentions(point.group))
        if points and each.name not in rows:
            yield PlannedPlugin(
                name=each.title,
                distribution=each.name,
                version=each.version,
                modules=tuple(dict.fromkeys(point.module for point in points)),
                entry_points=points,
            )


def _entry(plan: Plan) -> dict[str, Any]:
    module, attribute = plan.entry
    first, *rest = attribute.split(".")
    return {
        "module": module,
        "attribute": attribute,
        "first": first,
        "rest": "".join(f".{part}" for part in rest),
        "importable": importable(f"{module}.{attribute}"),
        "interpreter": plan.manifest.host.interpreter,
        "plugins_at_start": bool(plan.eager or any(isolated(plan))),
    }


def _start_lines(plan: Plan) -> list[str]:
    return [line for each in plan.survey.distributions.values() for line in each.start_lines]


def _collect(plan: Plan, toolchain: Toolchain) -> dict[str, Any]:
    survey = plan.survey
    distributions = survey.distributions.values()
    excluded = plan.manifest.freeze.exclude
    not_staged = [name for name in toolchain.modules if survey.of_module(name) is None]
    on_disk = list(_on_disk(plan))
    modules = {*declared_modules(plan), *_found_at_run_time(plan)}
    others = {*survey.owners, *survey.stage.lock.interpreter.standard_library} - modules
    modules |= named_in([file for each in distributions for file in each.extensions], others)
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
    """Yield the modules that no import statement names: imported by computed name, plugged in, compiled, run by `-m`.

    Who imports by computed names may be handed the name of any module, by a user's settings or by another
    distribution; so then all that is locked must be there.
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
        yield from each.run_as_main
        if each.extensions:
            yield from each.modules
    if plan.manifest.host.interpreter or any(plan.survey.distributions[name].runs_foreign_code for name in hosts):
        yield from plan.survey.stage.lock.interpreter.standard_library
    for each in plan.survey.distributions.values():
        for line in each.start_lines:
            words = set(re.findall(r"[A-Za-z_][A-Za-z0-9_.]*", line))
            yield from sorted(words & set(each.modules))


def _unreached(plan: Plan) -> Iterator[str]:
    """Yield what only other parts of the standard library would use, and do without.

    Its `hashlib` has all hashes that are always there in other modules; OpenSSL's are for those who ask for more. Its
    `help` needs pydoc, and with that a web server, in programs that call it.
    """
    distributions = plan.survey.distributions.values()
    by_name = any(each.imports_by_name or each.runs_foreign_code for each in distributions)
    if by_name or plan.manifest.host.interpreter:
        return
    if not any(map(plan.survey.importing, ("hashlib", "hmac", "ssl", "_hashlib"))):
        yield "_hashlib"
    helpers = ("pydoc", "pdb", "doctest", "cgitb", "xmlrpc")  # all of the library that imports pydoc
    if not any(map(plan.survey.importing, helpers)) and not any(each.words.calls_help for each in distributions):
        yield "pydoc"


def _sources(distribution: Distribution, excluded: Sequence[str]) -> Iterator[list[str]]:
    left_out = {str(file) for name, file in distribution.modules.items() if is_excluded(name, excluded)}
    for file in distribution.sources:
        source = str(distribution.site_packages / file)
        if source not in left_out:
            yield [file, source]


def _on_disk(plan: Plan) -> Iterator[Distribution]:
    """Yield the distributions whose modules lie as files in the artifact, source beside bytecode.

    Host and plugins do: hosts scan folders for plugins, read sources, and show them in tracebacks. So do
    dependencies that may look at their own files, portions of namespace packages, and what the manifest names. All
    others go into the archive.
    """
    survey = plan.survey
    owners = {owner.name for name in plan.manifest.freeze.keep_source if (owner := survey.of_module(name))}
    owners |= {plan.host.name, *(plugin.distribution for plugin in plan.plugins)}
    for each in survey.distributions.values():
        # The runtime is frozen from the generated source; the host's own copy would be a second one.
        if each.name != RUNTIME and (each.name in owners or each.reads_itself or each.is_part_of_namespace):
            yield each


def _data(plan: Plan) -> Iterator[tuple[str, list[str]]]:
    """Yield each distribution with its data files: all of host and plugins, of others no stubs and headers.

    Unless anything in the bundle reads stubs: whose, only a run can tell.
    """
    names = {plan.host.name, *(plugin.distribution for plugin in plan.plugins)}
    stubs_are_read = any(each.words.reads_stubs for each in plan.survey.distributions.values())
    for each in plan.survey.distributions.values():
        for_tools = [
            file for file in each.for_tools if each.name in names or (stubs_are_read and file.endswith(".pyi"))
        ]
        yield each.name, [*each.data, *each.shared, *for_tools]


def _metadata(distribution: Distribution) -> Iterator[list[str]]:
    for file in distribution.metadata:
        yield [f"{METADATA_FOLDER}/{file}", str(distribution.site_packages / file)]


def _library_sources(plan: Plan) -> Iterator[list[str]]:
    """Yield the standard library's source files if anybody may look for the source of any module: linters do."""
    if any(each.reads_others for each in plan.survey.distributions.values()):
        sources = plan.survey.stage.lock.interpreter.library_sources
        yield from ([place, str(file)] for place, file in sources.items())


def _own_data(plan: Plan) -> Iterator[list[str]]:
    """Yield the data files that the manifest adds: a file, or all files below a folder."""
    manifest = plan.manifest
    for place, source in manifest.freeze.data.items():
        path = manifest.directory / source
        if path.is_dir():
            found = sorted(file for file in path.rglob("*") if file.is_file())
            yield from ([f"{place}/{file.relative_to(path).as_posix()}", str(file)] for file in found)
        else:
            yield [f"{place}/{path.name}", str(path)]


def runtime_modules() -> dict[str, str]:
    """Return the runtime's modules, to be frozen from the generated source and not from where onebin is installed."""
    modules = sorted(runtime_dir().glob("*.py"))
    return {f"onebin_runtime/{file.name}": file.read_text("utf-8") for file in modules}

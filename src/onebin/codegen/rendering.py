"""Generate the source to freeze: the registry of the plugins, the start, the entry, and build.json.

Takes a Plan and returns a Source with all files as text. Nothing from a manifest or a package can become code: every
literal goes through `repr`, and a name is only used in an import statement if it is a dotted identifier.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from onebin import __version__
from onebin.card import Description
from onebin.check import PlannedPlugin, graph_lines
from onebin.codegen.collection import START, collect, has_plugins_at_start
from onebin.codegen.description import describe
from onebin.codegen.fits import fits_of
from onebin.codegen.isolation import isolated
from onebin.codegen.side_cars import SIDE_CARS, SIDE_CARS_PACKAGE, accepted_side_cars
from onebin.codegen.templates import render_python
from onebin.errors import Finding, FreezeError, os_errors
from onebin.manifest import keyed
from onebin.survey import importable
from onebin.system import display, runtime_dir, sha256_of, to_json
from onebin.tree import texts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from onebin.check import Plan
    from onebin.stage import Toolchain


REGISTRY = "onebin_registry.py"


@dataclass(frozen=True, kw_only=True)
class Source:
    """The generated files by name, and the digest of all of them."""

    name: str
    files: Mapping[str, str]
    digest: str

    def write(self, directory: Path) -> None:
        """Write all files below a directory; raises FreezeError."""
        with os_errors(FreezeError, "write the generated source to", directory):
            for name, text in self.files.items():
                file = directory / name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text, "utf-8", newline="\n")


def render(plan: Plan, toolchain: Toolchain) -> Source:
    """Return the source of a plan."""
    facts = _facts(plan)
    generated = {
        REGISTRY: render_registry(plan),
        "onebin_facts.py": render_python("facts.py.j2", facts=to_json(describe(plan), Description), **facts),
        f"{START}.py": render_python("start.py.j2", **_start(plan), **facts),
        "entry.py": render_python("entry.py.j2", **_entry(plan), has_workers=_has_workers(plan), **facts),
        "build.json": json.dumps(_build(plan, toolchain), indent=1) + "\n",
        **{f"tree/{place}": text for place, text in texts(plan).items()},
        **_side_cars(plan),
        **runtime_modules(),
    }
    return Source(name=plan.manifest.bundle.name, files=generated, digest=sha256_of(generated))


def render_registry(plan: Plan) -> str:
    """Return only the registry: the module that imports every plugin, and that a type checker can check."""
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
        "lock_digest": plan.lock.digest,
        "name": plan.manifest.bundle.name,
    }


def _side_cars(plan: Plan) -> dict[str, str]:
    """Return the files with which a program takes side-cars; none if the manifest does not ask for that."""
    asked = accepted_side_cars(plan)
    if asked is None:
        return {}
    settings = {"bundle": plan.manifest.bundle.name, **asked}
    own = {f"{SIDE_CARS}.py": render_python("side_cars.py.j2", settings=settings, **_facts(plan))}
    return {**own, **runtime_modules(side_cars=True)}


def _build(plan: Plan, toolchain: Toolchain) -> dict[str, Any]:
    """Return what to freeze and how, for the driver (see `onebin.freeze.driver.wanted.Wanted`)."""
    return {
        "generated": f"by onebin {__version__} from the lock sha256:{plan.lock.digest}: do not edit",
        "name": plan.manifest.bundle.name,
        "layout": plan.layout,
        "optimize": plan.manifest.freeze.optimize,
        "strip": plan.manifest.freeze.strip,
        **collect(plan, toolchain),
    }


def _registry(plan: Plan) -> dict[str, Any]:
    return {
        "graph": graph_lines(plan),
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
    """Yield what else extends a group that the host looks up: first the host itself, then its dependencies."""
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


def _has_workers(plan: Plan) -> bool:
    """Return whether a one-file program may start itself as a worker of `multiprocessing`."""
    importing = map(plan.survey.importing, ("multiprocessing", "concurrent.futures"))
    return plan.layout == "onefile" and (any(isolated(plan)) or any(importing))


def _start(plan: Plan) -> dict[str, Any]:
    return {
        "plugins_at_start": has_plugins_at_start(plan),
        "about": plan.manifest.host.about,
        "side_cars": plan.manifest.side_cars is not None,
    }


def _entry(plan: Plan) -> dict[str, Any]:
    if plan.entry is None:
        if plan.layout == "onefile":
            where = keyed(display(plan.manifest.file), "host", "script")
            hint = 'name a function instead, if the host has one: entry = "module:function"'
            finding = Finding(where, f"{plan.manifest.host.script} is a file of the host's wheel", hint)
            raise FreezeError("one file cannot run a script that is a file of a wheel", findings=[finding])
        return {"script": plan.manifest.host.script, "importable": False}
    module, attribute = plan.entry
    first, *rest = attribute.split(".")
    return {
        "script": None,
        "module": module,
        "attribute": attribute,
        "first": first,
        "rest": "".join(f".{part}" for part in rest),
        "importable": importable(f"{module}.{attribute}"),
    }


def runtime_modules(*, side_cars: bool = False) -> dict[str, str]:
    """Return the runtime's modules, or those for side-cars alone; they are frozen from the generated source.

    What is in onebin's own environment is not used.
    """
    top = runtime_dir()
    modules = [file.relative_to(top) for file in sorted(top.rglob("*.py"))]
    wanted = [module for module in modules if (module.parts[0] == SIDE_CARS_PACKAGE) == side_cars]
    return {f"onebin_runtime/{module.as_posix()}": (top / module).read_text("utf-8") for module in wanted}

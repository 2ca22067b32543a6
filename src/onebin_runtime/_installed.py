"""The registry without a bundle: the installed distributions, from `importlib.metadata`.

A plugin is a distribution with entry points other than scripts. Nothing installed says which of these belong to a
particular host, so ask for one group. Plugins are sorted by normalized name (PEP 503).
"""

from __future__ import annotations

import re
from importlib import import_module
from importlib.metadata import distributions

from onebin_runtime._plugin import Plugin
from onebin_runtime._registry import Registry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from importlib.metadata import Distribution
    from types import ModuleType

_SCRIPTS = frozenset({"console_scripts", "gui_scripts"})


def read_installed() -> Registry:
    """Return the registry of all installed distributions; if two share a name, the first on `sys.path` is used."""
    found: dict[str, Plugin] = {}
    for distribution in distributions():
        name = distribution.metadata["Name"]
        points = tuple(
            (point.group, point.name, point.value) for point in distribution.entry_points if point.group not in _SCRIPTS
        )
        if name and points:
            found.setdefault(re.sub(r"[-_.]+", "-", name).lower(), _plugin(name, distribution, points))
    return Registry([plugin for _, plugin in sorted(found.items())])


def _plugin(name: str, distribution: Distribution, points: tuple[tuple[str, str, str], ...]) -> Plugin:
    modules = tuple(dict.fromkeys(value.partition("[")[0].partition(":")[0].strip() for _, _, value in points))
    return Plugin(
        name=name,
        distribution=name,
        version=distribution.version,
        modules=modules,
        entry_points=points,
        load=_importer(modules),
    )


def _importer(modules: tuple[str, ...]) -> Callable[[], tuple[ModuleType, ...]]:
    return lambda: tuple(import_module(name) for name in modules)

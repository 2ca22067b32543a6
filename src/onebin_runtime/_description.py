"""What a program is made of: the facts that the build recorded, or the installed distributions."""

from __future__ import annotations

import sys

from onebin_runtime._tree import is_in_tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from onebin_runtime._registry import Registry


def describe(registry: Registry) -> dict[str, Any]:
    """Return the facts of the bundle, or those of the environment if there is no bundle."""
    try:
        import onebin_facts  # type: ignore[import-not-found]  # generated for each bundle
    except ModuleNotFoundError:
        return {"mode": "installed", **_installed(registry)}
    from copy import deepcopy

    is_artifact = is_in_tree(onebin_facts) or getattr(sys, "frozen", False)
    facts = deepcopy(onebin_facts.FACTS)
    return {"mode": "artifact" if is_artifact else "run", **facts, "side_cars": _side_cars()}


def _side_cars() -> dict[str, Any] | None:
    """Return from where the program takes side-cars, and what it has found there; None if it takes none."""
    try:
        from onebin_side_cars import SETTINGS  # type: ignore[import-not-found]  # generated for such bundles
    except ModuleNotFoundError:
        return None
    from onebin_runtime.side_cars import describe as found

    chosen = {key: SETTINGS[key] for key in ("directory", "load", "isolate", "development")}
    return {**chosen, "keys": list(SETTINGS["keys"]), "found": found()}


def _installed(registry: Registry) -> dict[str, Any]:
    """Return the facts known without a bundle, with the same keys."""
    import platform
    import sysconfig
    from importlib.metadata import distributions

    found = {each.metadata["Name"]: each.version for each in distributions()}
    return {
        "name": None,
        "onebin": None,
        "host": None,
        "plugins": [
            {
                "name": plugin.name,
                "distribution": plugin.distribution,
                "version": plugin.version,
                "modules": list(plugin.modules),
                "entry_points": [list(point) for point in plugin.entry_points],
            }
            for plugin in registry
        ],
        "distributions": [{"name": name, "version": version} for name, version in sorted(found.items()) if name],
        "interpreter": {
            "implementation": platform.python_implementation(),
            "version": platform.python_version(),
            "platform": sysconfig.get_platform(),
        },
        "toolchain": [],
        "lock_sha256": None,
        "manifest": None,
        "side_cars": None,
    }

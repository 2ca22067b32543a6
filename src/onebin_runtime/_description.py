"""What a program is made of: the facts that the build recorded, or the installed distributions."""

from __future__ import annotations

import os
import sys

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

    in_tree = onebin_facts.__file__.startswith(os.path.join(sys.prefix, "onebin"))  # noqa: PTH118  # cheaper than pathlib
    is_artifact = in_tree or getattr(sys, "frozen", False)
    facts = deepcopy(onebin_facts.FACTS)
    if facts.get("side_cars") is not None:
        from onebin_runtime.side_cars import describe as found

        facts["side_cars"]["found"] = found()
    return {"mode": "artifact" if is_artifact else "run", **facts}


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
    }

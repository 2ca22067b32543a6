"""Plugins in files beside the program, which it recognises without a rebuild (docs/side-cars.md).

Frozen only into programs whose manifest has `[side-cars]`. Standard library only.
"""

from __future__ import annotations

import os

from onebin_runtime._privileged import is_privileged
from onebin_runtime.side_cars._collection import SideCars, write
from onebin_runtime.side_cars._settings import VARIABLE, read_settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from onebin_runtime._plugin import Plugin
    from onebin_runtime._registry import Registry

__all__ = ["describe", "open_path", "prepare"]

# At most one entry: the side-cars of this process.
_current: dict[str, SideCars] = {}


def prepare(registry: Registry) -> None:
    """Load the side-cars of this program, before the host's first line."""
    side_cars = _side_cars(registry)
    settings = side_cars.settings
    if settings.development:
        write(f"this is a development build, which loads side-cars signed by the key {settings.development}")
    if os.environ.get(VARIABLE) == "off" and not is_privileged():
        return
    side_cars.look()
    if settings.load == "watch":
        from onebin_runtime.side_cars._watching import watch

        def look() -> bool:
            new = side_cars.look()
            registry.open_eager(new)
            return bool(new)

        watch(look)
        registry.look = look


def open_path(registry: Registry, file: str) -> Plugin:
    """Open the plugin in a file; raises PluginLoadError."""
    return _side_cars(registry).open_path(file)


def describe() -> list[dict[str, Any]]:
    """Return what became of each file that was found."""
    return _current[""].describe() if _current else []


def _side_cars(registry: Registry) -> SideCars:
    if not _current:
        import onebin_facts  # type: ignore[import-not-found]  # generated for each bundle

        _current.setdefault("", SideCars(read_settings(), registry, onebin_facts.FACTS))
    return _current[""]

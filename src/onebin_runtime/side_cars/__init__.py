"""Plugins in files beside the program, which it recognises without a rebuild (docs/side-cars.md).

Frozen only into programs whose manifest has `[side-cars]`. Standard library only. As long as there is no side-car, a
start imports only this module and the settings.
"""

from __future__ import annotations

import os

from onebin_runtime.side_cars._errors import Refused
from onebin_runtime.side_cars._settings import SUFFIX, VARIABLE, read_settings, say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from onebin_runtime._plugin import Plugin
    from onebin_runtime._registry import Registry
    from onebin_runtime.side_cars._collection import SideCars

__all__ = ["describe", "open_path", "prepare"]

# At most one entry: the side-cars of this process. Several threads may create some at once; all get the same ones.
_current: dict[str, SideCars] = {}


def prepare(registry: Registry) -> None:
    """Load the side-cars of this program, before the host's first line."""
    settings = read_settings()
    if settings.development:
        say(f"this is a development build, which loads side-cars signed by the key {settings.development}")

    def is_there() -> bool:
        try:
            return any(name.endswith(SUFFIX) for name in os.listdir(settings.place()))
        except (OSError, Refused):
            return False

    def look(*, waits: bool = True) -> bool:
        new = _side_cars(registry).look(waits=waits) if _current or is_there() else []
        registry.open_eager(new)
        return bool(new)

    if is_there():
        _side_cars(registry).look()
    if settings.load == "watch" and os.environ.get(VARIABLE) != "off":
        from onebin_runtime.side_cars._watching import watch

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

        from onebin_runtime.side_cars._collection import SideCars

        _current.setdefault("", SideCars(read_settings(), registry, onebin_facts.FACTS))
    return _current[""]

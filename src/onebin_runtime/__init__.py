"""The plugins of a host: list them, open them, look their symbols up; installed, in `onebin run`, and in an artifact.

Standard library only, and imported at every start of every artifact: whatever costs time is imported late.
"""

from __future__ import annotations

from onebin_runtime._api import describe, extension_point, failures, open, plugins  # noqa: A004  # Go's name for it
from onebin_runtime._errors import PluginLoadError, PluginNotFound, SymbolNotFound
from onebin_runtime._plugin import Plugin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from onebin_runtime._extension_point import ExtensionPoint
    from onebin_runtime._symbol import Symbol

__all__ = [
    "ExtensionPoint",
    "Plugin",
    "PluginLoadError",
    "PluginNotFound",
    "Symbol",
    "SymbolNotFound",
    "describe",
    "extension_point",
    "failures",
    "open",
    "plugins",
]

_LATE = {"ExtensionPoint": "_extension_point", "Symbol": "_symbol"}


def __getattr__(name: str) -> object:
    """Import a class that few programs name when it is asked for (PEP 562)."""
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    found: object = getattr(import_module(f"{__name__}.{_LATE[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """List the public names, those that wait to be imported too."""
    return list(__all__)

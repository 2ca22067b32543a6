"""List a host's plugins, open them and look up their symbols: installed, under `onebin run`, and in an artifact.

Standard library only. Every start of every artifact imports this package, so anything slow is imported lazily.
"""

from __future__ import annotations

from onebin_runtime._api import (  # Go's name for it
    describe,
    extension_point,
    failures,
    open,  # noqa: A004  # Go's name for it
    open_path,
    plugins,
)
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
    "open_path",
    "plugins",
]

_LATE = {"ExtensionPoint": "_extension_point", "Symbol": "_symbol"}


def __getattr__(name: str) -> object:
    """Import a rarely used class on first access (PEP 562)."""
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    found: object = getattr(import_module(f"{__name__}.{_LATE[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """List the public names, including those not imported yet."""
    return list(__all__)

"""The functions of the public interface, and whom they ask: the bundle's registry, or what is installed."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from onebin_runtime._errors import PluginLoadError
    from onebin_runtime._extension_point import ExtensionPoint
    from onebin_runtime._plugin import Plugin
    from onebin_runtime._registry import Registry

# One entry. Several threads may make a registry at once, but `setdefault` lets one of them win for all.
_current: dict[str, Registry] = {}


def plugins(group: str | None = None) -> tuple[Plugin, ...]:
    """Return the plugins in their order, or those that extend one group; imports none of them.

    In a bundle the order is that of the manifest, and a group begins with what host and dependencies bring along for
    it. Installed, every distribution with entry points is a plugin (scripts do not count), in the order of names.
    """
    registry = _registry()
    return tuple(registry) if group is None else registry.extending(group)


def open(name: str) -> Plugin:  # noqa: A001  # Go's name for it
    """Import a plugin and return it; the same object each time, however many threads ask.

    `name` is the row's name in the manifest or the distribution's, in any spelling (PEP 503). Raises PluginNotFound,
    with near matches, and PluginLoadError, after which the next call tries anew.
    """
    return _registry()[name].open()


def extension_point(group: str) -> ExtensionPoint:
    """Return the objects of one group of entry points as an ordered mapping from names; the same one each time.

    Whether objects are imported when they are asked for or at start, and what becomes of plugins that fail, is the
    manifest's to say (`load`, `on-error`). Installed there is no manifest: then `lazy` and `fail`.
    """
    return _registry().extension_point(group)


def failures() -> tuple[PluginLoadError, ...]:
    """Return the errors of the plugins that were skipped until now, as the manifest allows it (`on-error`)."""
    return tuple(_registry().failures.values())


def describe() -> dict[str, Any]:
    """Return what this program is made of, by the names that `onebin inspect --json` has, ready for JSON.

    `mode` says how it runs: "artifact", "run" or "installed". Installed there is no bundle, and its keys are None.
    """
    from onebin_runtime._description import describe

    return describe(_registry())


def _registry() -> Registry:
    """Return the registry that was generated for this bundle, or one of what is installed."""
    try:
        return _current[""]
    except KeyError:
        return _current.setdefault("", _find_registry())


def _find_registry() -> Registry:
    try:
        from onebin_registry import REGISTRY  # type: ignore[import-not-found]  # generated for each bundle
    except ModuleNotFoundError as error:
        if error.name != "onebin_registry":
            raise
        from onebin_runtime._installed import read_installed

        return read_installed()
    found: Registry = REGISTRY
    return found

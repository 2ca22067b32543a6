"""The public functions. They use the bundle's registry, or the installed distributions if there is no bundle."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from typing import Any

    from onebin_runtime._errors import PluginLoadError
    from onebin_runtime._extension_point import ExtensionPoint
    from onebin_runtime._plugin import Plugin
    from onebin_runtime._registry import Registry

# At most one entry. Several threads may create a registry at once; `setdefault` makes all of them use the same one.
_current: dict[str, Registry] = {}


def plugins(group: str | None = None) -> tuple[Plugin, ...]:
    """Return all plugins in order, or only those that extend a group, without importing any of them.

    In a bundle they are in manifest order, and the host and dependencies that extend the group come first. Installed,
    every distribution with entry points other than scripts is a plugin, and they are in alphabetical order.
    """
    registry = _registry()
    return tuple(registry) if group is None else registry.extending(group)


def open(name: str) -> Plugin:  # noqa: A001  # Go's name for it
    """Import a plugin and return it: always the same object, in every thread.

    `name` is the name of the manifest row or of the distribution, in any spelling (PEP 503). Raises PluginNotFound,
    with near matches, and PluginLoadError; after a failure the next call tries again.
    """
    return _registry()[name].open()


def open_path(file: str | os.PathLike[str]) -> Plugin:
    """Import the plugin in a file that `onebin pack-plugin` has made, and return it: always the same object.

    The same checks are made as for the files beside the program. Raises PluginLoadError if the file is refused, if the
    plugin cannot be imported, and in a program that takes no such files.
    """
    from os import fspath

    try:
        from onebin_runtime.side_cars import open_path

        return open_path(_registry(), fspath(file))
    except ModuleNotFoundError as error:
        if error.name not in ("onebin_runtime.side_cars", "onebin_facts", "onebin_side_cars"):
            raise
    from onebin_runtime._errors import PluginLoadError

    raise PluginLoadError("this program opens no files of plugins: its manifest has no [side-cars]")


def extension_point(group: str) -> ExtensionPoint:
    """Return the objects of an entry-point group as an ordered mapping by name, always the same mapping.

    The manifest decides whether objects are imported lazily or at start (`load`), and what happens to plugins that
    fail (`on-error`). Installed, without a manifest, the policies are `lazy` and `fail`.
    """
    return _registry().extension_point(group)


def failures() -> tuple[PluginLoadError, ...]:
    """Return the errors of the plugins skipped so far, which the manifest allows with `on-error = "skip"`."""
    return tuple(_registry().failures.values())


def describe() -> dict[str, Any]:
    """Return what this program is made of, JSON-serializable, with the keys of `onebin inspect --json`.

    `mode` is "artifact", "run" or "installed". Installed, without a bundle, the bundle's keys are None.
    """
    from onebin_runtime._description import describe

    return describe(_registry())


def _registry() -> Registry:
    """Return the registry generated for this bundle, or one of the installed distributions."""
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

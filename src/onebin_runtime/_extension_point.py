"""One extension point: the objects that plugins provide for an entry-point group."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

from onebin_runtime._errors import PluginLoadError, PluginNotFound, did_you_mean

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from onebin_runtime._plugin import Plugin

    Objects = Mapping[str, Any]
else:
    Objects = Mapping  # a parametrized base would make the class slower to create


class ExtensionPoint(Objects):
    """The objects of an entry-point group by name, in plugin order; each is imported on first access.

    A plugin that fails raises PluginLoadError, or is left out if the manifest says `on-error = "skip"`. In that case
    iterating and counting import all plugins of the group, to find out which are left out; otherwise they import
    none. `skip` records the error of a plugin that is left out; with None, plugins are not left out. `look` is called
    before each answer: it may add plugins.
    """

    def __init__(
        self,
        name: str,
        plugins: tuple[Plugin, ...],
        *,
        skip: Callable[[PluginLoadError], object] | None,
        look: Callable[[], object] = bool,
    ) -> None:
        self.name = name
        self.plugins: tuple[Plugin, ...] = ()
        self._skip = skip
        self._look = look
        self._entries: dict[str, tuple[Plugin, str]] = {}
        self._skipped: dict[str, PluginLoadError] = {}
        for plugin in plugins:
            self.add(plugin)

    def add(self, plugin: Plugin) -> None:
        """Add what a plugin provides, after all others; nothing if it does not extend the group."""
        if plugin.extends(self.name) and plugin not in self.plugins:
            self.plugins += (plugin,)
            for group, key, value in plugin.entry_points:
                if group == self.name:
                    self._entries.setdefault(key, (plugin, value))

    def __getitem__(self, name: str) -> Any:
        """Return the object with this name; raises PluginNotFound (a KeyError) and PluginLoadError."""
        self._look()
        if name not in self._entries:
            raise PluginNotFound(f"{self.name!r} has no entry point {name!r}{did_you_mean(name, self._entries)}")
        if name in self._skipped:
            raise self._left_out(name)
        plugin, value = self._entries[name]
        try:
            return _resolve(plugin, value)
        except PluginLoadError as error:
            if self._skip is None:
                raise
            self._skipped[name] = error
            self._skip(error)
            raise self._left_out(name) from error

    def __iter__(self) -> Iterator[str]:
        self._look()
        return (name for name in tuple(self._entries) if self._skip is None or self._loads(name))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, name: object) -> bool:
        self._look()
        return name in self._entries and (self._skip is None or self._loads(str(name)))

    # Comparing contents would import all of them.
    __eq__ = object.__eq__
    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return f"<ExtensionPoint {self.name}: {', '.join(self._entries) or 'nothing'}>"

    def _loads(self, name: str) -> bool:
        try:
            self[name]
        except PluginNotFound:
            return False
        return True

    def _left_out(self, name: str) -> PluginNotFound:
        return PluginNotFound(f"{name!r} in {self.name!r} was skipped: {self._skipped[name]}")


def _resolve(plugin: Plugin, value: str) -> Any:
    """Open a plugin and return the object that an entry point refers to (module:attribute [extras])."""
    plugin.load()
    module, _, attribute = value.partition("[")[0].partition(":")
    try:
        found: Any = import_module(module.strip())
        for part in filter(None, attribute.strip().split(".")):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise plugin.error(f"{type(error).__name__}: {error}") from error
    return found

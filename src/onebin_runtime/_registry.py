"""The plugins of a bundle: listed without importing any, opened one by one.

Plain classes instead of dataclasses: `dataclasses` imports `inspect`, which costs more than a small start.
"""

from __future__ import annotations

from onebin_runtime._errors import PluginLoadError, PluginNotFound, did_you_mean
from onebin_runtime._trace import now, trace

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing `typing` would cost a start more than this module does
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import ModuleType

    from onebin_runtime._extension_point import ExtensionPoint
    from onebin_runtime._symbol import Symbol


class Plugin:
    """One plugin, listed or open: its row's name, its distribution and version, and what it extends.

    `entry_points` holds (group, name, value) triples, `modules` the dotted names of what opening it imports.
    """

    __slots__ = ("_import", "_imported", "distribution", "entry_points", "modules", "name", "version")

    def __init__(
        self,
        *,
        name: str,
        distribution: str,
        version: str,
        modules: tuple[str, ...],
        entry_points: tuple[tuple[str, str, str], ...],
        load: Callable[[], tuple[ModuleType, ...]],
    ) -> None:
        self.name = name
        self.distribution = distribution
        self.version = version
        self.modules = modules
        self.entry_points = entry_points
        self._import = load
        self._imported: dict[str, tuple[ModuleType, ...]] = {}

    @property
    def is_open(self) -> bool:
        """Whether the plugin was imported by opening it."""
        return bool(self._imported)

    def open(self) -> Plugin:
        """Import the plugin and return it; raises PluginLoadError, and tries anew after a failure."""
        self.load()
        return self

    def load(self) -> tuple[ModuleType, ...]:
        """Import the plugin's modules once and return them; raises PluginLoadError, and tries anew after a failure.

        That they are executed once is the work of Python's own import locks, which know of deadlocks; a lock of ours
        around them would not.
        """
        known = self._imported.get("")
        if known is not None:
            return known
        since = now()
        try:
            modules = self._import()
        except (Exception, SystemExit) as error:
            trace(f"failed to import plugin {self}", since)
            raise self.error(f"{type(error).__name__}: {error}") from error
        if any(_is_being_imported(module) for module in modules):
            return modules  # the plugin opens itself while it is imported, which may still fail
        kept = self._imported.setdefault("", modules)
        if kept is modules:
            trace(f"import plugin {self}", since)
        return kept

    def lookup(self, symbol: str) -> Symbol:
        """Return a public variable or callable of the plugin's modules, opening it if need be.

        The first module that has it counts; "module:name" names one. Public is what `__all__` lists, or without one
        every name that has no leading underscore and is no module. Raises SymbolNotFound, with near matches.
        """
        from onebin_runtime._symbol import find

        return find(self, symbol)

    def extends(self, group: str) -> bool:
        """Tell whether the plugin has entry points in a group."""
        return any(point[0] == group for point in self.entry_points)

    def error(self, reason: str) -> PluginLoadError:
        """Return the error that says why this plugin cannot be imported."""
        return PluginLoadError(
            f"plugin {self} cannot be imported: {reason}",
            name=self.name,
            distribution=self.distribution,
            version=self.version,
        )

    def __str__(self) -> str:
        return f"{self.name} ({self.distribution} {self.version})"

    def __repr__(self) -> str:
        return f"<Plugin {self}>"


class Registry:
    """All plugins of a bundle in their order, and how its extension points are loaded.

    `built_in` are the host and its dependencies where they extend a group themselves. `extension_points` maps groups
    to (load, on_error): "lazy" or "eager", "fail" or "skip". `isolate` has what is called at start, so that isolated
    plugins are imported in processes of their own. `failures` has the error of each plugin that was skipped.
    """

    __slots__ = ("_built_in", "_by_name", "_plugins", "_points", "_policies", "failures", "isolate")

    def __init__(
        self,
        plugins: Sequence[Plugin],
        *,
        built_in: Sequence[Plugin] = (),
        extension_points: Mapping[str, tuple[str, str]] | None = None,
        isolate: Callable[[], object] = bool,
    ) -> None:
        self._plugins = tuple(plugins)
        self._built_in = tuple(built_in)
        self._by_name: dict[str, Plugin] = {}
        self._policies = dict(extension_points or {})
        self._points: dict[str, ExtensionPoint] = {}
        self.isolate = isolate
        self.failures: dict[str, PluginLoadError] = {}

    def __iter__(self) -> Iterator[Plugin]:
        return iter(self._plugins)

    def __len__(self) -> int:
        return len(self._plugins)

    def __getitem__(self, name: str) -> Plugin:
        """Return a plugin by its row's name or its distribution's; raises PluginNotFound with near matches."""
        known = (*self._plugins, *self._built_in)
        if not self._by_name:
            self._by_name = {plugin.name: plugin for plugin in reversed(known)}
        if name in self._by_name:
            return self._by_name[name]
        wanted = _normalise(name)
        for plugin in known:
            if wanted in (_normalise(plugin.name), _normalise(plugin.distribution)):
                return plugin
        names = dict.fromkeys(name for plugin in known for name in (plugin.name, plugin.distribution))
        raise PluginNotFound(f"there is no plugin {name!r}{did_you_mean(name, names)}")

    def extending(self, group: str) -> tuple[Plugin, ...]:
        """Return what extends a group: first host and dependencies, then the plugins in their order."""
        return tuple(plugin for plugin in (*self._built_in, *self._plugins) if plugin.extends(group))

    def extension_point(self, group: str) -> ExtensionPoint:
        """Return a group's extension point; the same one each time."""
        from onebin_runtime._extension_point import ExtensionPoint

        return self._points.setdefault(group, ExtensionPoint(group, self))

    def skips(self, group: str) -> bool:
        """Tell whether plugins of a group that fail are skipped."""
        return self._policies.get(group, ("lazy", "fail"))[1] == "skip"

    def skip(self, error: PluginLoadError) -> None:
        """Note and warn that a plugin is left out; once for each plugin."""
        if self.failures.setdefault(str(error.name), error) is error:
            import warnings

            warnings.warn(f"{error} (skipped)", RuntimeWarning, stacklevel=_depth() + 1)

    def open_eager(self) -> None:
        """Open the plugins of eager extension points, in their order; raises PluginLoadError where none is skipped."""
        eager = [group for group, (load, _) in self._policies.items() if load == "eager"]
        for plugin in self._plugins:
            groups = [group for group in eager if plugin.extends(group)]
            if not groups:
                continue
            try:
                plugin.load()
            except PluginLoadError as error:
                if not all(self.skips(group) for group in groups):
                    raise
                self.skip(error)


def _depth() -> int:
    """Return how many frames, from the caller's on, are the runtime's or those of its mappings."""
    import sys

    depth = 0
    frame = sys._getframe(1)  # noqa: SLF001  # as `warnings` itself does
    while frame.f_back and str(frame.f_globals.get("__name__")).startswith(("onebin_runtime.", "collections.abc")):
        depth += 1
        frame = frame.f_back
    return depth


def _is_being_imported(module: ModuleType) -> bool:
    return bool(getattr(getattr(module, "__spec__", None), "_initializing", False))


def _normalise(name: str) -> str:
    """Normalise a name (PEP 503); only names that are no row's come here, so `re` may be imported."""
    import re

    return re.sub(r"[-_.]+", "-", name).lower()

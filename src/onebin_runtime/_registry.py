"""The plugins of a bundle: listed without importing any of them, opened one by one.

A plain class instead of a dataclass: `dataclasses` imports `inspect`, which costs more than a small start.
"""

from __future__ import annotations

from onebin_runtime._errors import PluginLoadError, PluginNotFound, did_you_mean

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing `typing` would cost a start more than this module does
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from onebin_runtime._extension_point import ExtensionPoint
    from onebin_runtime._plugin import Plugin


class Registry:
    """All plugins of a bundle in order, and how its extension points are loaded.

    `built_in` lists the host and those of its dependencies that extend a group themselves. `extension_points` maps
    groups to (load, on_error): "lazy" or "eager", "fail" or "skip". `isolate` is called at start, so that isolated
    plugins are imported in their own processes. `failures` has the error of each skipped plugin. `look` is called
    whenever plugins are asked for: it may add some.
    """

    __slots__ = ("_added", "_built_in", "_by_name", "_plugins", "_points", "_policies", "failures", "isolate", "look")

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
        self._added: set[str] = set()
        self.isolate = isolate
        self.look: Callable[[], object] = bool
        self.failures: dict[str, PluginLoadError] = {}

    def __iter__(self) -> Iterator[Plugin]:
        self.look()
        return iter(self._plugins)

    def __len__(self) -> int:
        return len(self._plugins)

    def __getitem__(self, name: str) -> Plugin:
        """Return a plugin by the name of its row or its distribution; raises PluginNotFound, with near matches."""
        self.look()
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

    def frozen(self) -> tuple[Plugin, ...]:
        """Return what is there, with host and dependencies, and without what has been added."""
        return (*self._built_in, *(plugin for plugin in self._plugins if plugin.name not in self._added))

    def add(self, plugin: Plugin) -> None:
        """Add a plugin after all others, also to the extension points that are in use; it may fail without harm."""
        self._added.add(plugin.name)
        self._plugins += (plugin,)
        self._by_name = {}
        for point in list(self._points.values()):
            point.add(plugin)

    def extending(self, group: str) -> tuple[Plugin, ...]:
        """Return what extends a group: host and dependencies first, then the plugins in order."""
        self.look()
        return tuple(plugin for plugin in (*self._built_in, *self._plugins) if plugin.extends(group))

    def extension_point(self, group: str) -> ExtensionPoint:
        """Return a group's extension point, always the same object."""
        from onebin_runtime._extension_point import ExtensionPoint

        skip = self.skip if self.skips(group) else None
        made = ExtensionPoint(group, self.extending(group), skip=skip, look=self.look)
        return self._points.setdefault(group, made)

    def skips(self, group: str) -> bool:
        """Return whether failing plugins of a group are skipped."""
        return self._policies.get(group, ("lazy", "fail"))[1] == "skip"

    def skip(self, error: PluginLoadError) -> None:
        """Record that a plugin is skipped, and warn about it once."""
        if self.failures.setdefault(str(error.name), error) is error:
            import warnings

            warnings.warn(f"{error} (skipped)", RuntimeWarning, stacklevel=_depth() + 1)

    def open_eager(self, plugins: Iterable[Plugin] | None = None) -> None:
        """Open the plugins of eager extension points, or those of some, in order.

        Raises PluginLoadError unless the policy is to skip, or the plugin has been added.
        """
        eager = [group for group, (load, _) in self._policies.items() if load == "eager"]
        for plugin in self._plugins if plugins is None else plugins:
            groups = [group for group in eager if plugin.extends(group)]
            if not groups:
                continue
            try:
                plugin.load()
            except PluginLoadError as error:
                if plugin.name not in self._added and not all(self.skips(group) for group in groups):
                    raise
                self.skip(error)


def _depth() -> int:
    """Return how many frames, starting with the caller's, belong to the runtime or its mappings."""
    import sys

    depth = 0
    frame = sys._getframe(1)  # noqa: SLF001  # as `warnings` does
    while frame.f_back and str(frame.f_globals.get("__name__")).startswith(("onebin_runtime.", "collections.abc")):
        depth += 1
        frame = frame.f_back
    return depth


def _normalise(name: str) -> str:
    """Normalise a name (PEP 503); called only for names that match no row exactly, so importing `re` is acceptable."""
    import re

    return re.sub(r"[-_.]+", "-", name).lower()

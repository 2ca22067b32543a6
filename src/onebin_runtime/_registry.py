"""The plugins of a bundle: listed without importing any, opened one by one.

Plain classes instead of dataclasses: `dataclasses` imports `inspect`, which costs more than a small start.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing `typing` would cost a start more than this module does
    from collections.abc import Callable, Iterator, Sequence
    from types import ModuleType


class PluginNotFoundError(LookupError):
    """No plugin has that name."""


class PluginLoadError(ImportError):
    """A plugin's modules cannot be imported; the original error is the cause."""


class Plugin:
    """One plugin: its row's name, its distribution and version, its entry points, and a function that imports it.

    `entry_points` holds (group, name, value) triples.
    """

    __slots__ = ("_import", "_modules", "distribution", "entry_points", "name", "version")

    def __init__(
        self,
        *,
        name: str,
        distribution: str,
        version: str,
        entry_points: tuple[tuple[str, str, str], ...],
        load: Callable[[], tuple[ModuleType, ...]],
    ) -> None:
        self.name = name
        self.distribution = distribution
        self.version = version
        self.entry_points = entry_points
        self._import = load
        self._modules: tuple[ModuleType, ...] | None = None

    def open(self) -> tuple[ModuleType, ...]:
        """Import the plugin's modules and return them; raises PluginLoadError, and tries anew after a failure."""
        if self._modules is None:
            try:
                self._modules = self._import()
            except Exception as error:
                raise PluginLoadError(
                    f"plugin {self.name} ({self.distribution} {self.version}) cannot be imported: {error}"
                ) from error
        return self._modules

    def __repr__(self) -> str:
        return f"<Plugin {self.name}: {self.distribution} {self.version}>"


class Registry:
    """All plugins of a bundle in manifest order, and the extension points whose plugins are imported at start."""

    __slots__ = ("_by_name", "eager")

    def __init__(self, plugins: Sequence[Plugin], *, eager: Sequence[str] = ()) -> None:
        self._by_name = {plugin.name: plugin for plugin in plugins}
        self.eager = tuple(eager)

    def __iter__(self) -> Iterator[Plugin]:
        return iter(self._by_name.values())

    def __len__(self) -> int:
        return len(self._by_name)

    def __getitem__(self, name: str) -> Plugin:
        """Return a plugin by its row's name; raises PluginNotFoundError with near matches."""
        try:
            return self._by_name[name]
        except KeyError:
            raise PluginNotFoundError(_not_found(name, list(self._by_name))) from None

    def open_eager(self) -> None:
        """Open the plugins of eager extension points, in manifest order."""
        for plugin in self:
            if any(group in self.eager for group, _, _ in plugin.entry_points):
                plugin.open()


def _not_found(name: str, known: list[str]) -> str:
    import difflib

    near = difflib.get_close_matches(name, known, 3)
    return f"there is no plugin {name!r}" + (f"; did you mean {' or '.join(map(repr, near))}?" if near else "")

"""One plugin: listed without being imported, imported when opened.

A plain class instead of a dataclass: `dataclasses` imports `inspect`, which costs more than a small start.
"""

from __future__ import annotations

from onebin_runtime._errors import PluginLoadError
from onebin_runtime._trace import now, trace

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing `typing` would cost a start more than this module does
    from collections.abc import Callable
    from types import ModuleType

    from onebin_runtime._symbol import Symbol


class Plugin:
    """One plugin, listed or open: the name of its row, its distribution and version, and what it extends.

    `entry_points` holds (group, name, value) triples, `modules` the dotted names of the modules that opening imports.
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
        """Whether the plugin has been opened successfully."""
        return bool(self._imported)

    def open(self) -> Plugin:
        """Import the plugin and return it; raises PluginLoadError, and tries again after a failure."""
        self.load()
        return self

    def load(self) -> tuple[ModuleType, ...]:
        """Import the plugin's modules once and return them; raises PluginLoadError, and tries again after a failure.

        Python's own import locks make sure that modules are executed only once. They detect deadlocks; another lock
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
            return modules  # the plugin opens itself while being imported, and its import may still fail
        kept = self._imported.setdefault("", modules)
        if kept is modules:
            trace(f"import plugin {self}", since)
        return kept

    def lookup(self, symbol: str) -> Symbol:
        """Return a public variable or callable from the plugin's modules, opening the plugin if necessary.

        The first module that has the name is used; "module:name" selects one. Names in `__all__` are public; without
        `__all__`, names that have no leading underscore and are not modules. Raises SymbolNotFound, with near matches.
        """
        from onebin_runtime._symbol import find

        return find(self, symbol)

    def extends(self, group: str) -> bool:
        """Return whether the plugin has entry points in a group."""
        return any(point[0] == group for point in self.entry_points)

    def error(self, reason: str) -> PluginLoadError:
        """Return an error that says why this plugin cannot be imported."""
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


def _is_being_imported(module: ModuleType) -> bool:
    return bool(getattr(getattr(module, "__spec__", None), "_initializing", False))

"""Stand-ins in the host for the modules of isolated plugins; they hold only what entry points refer to.

The real modules are imported in the plugins' own processes. A host that loads entry points, in whatever way, gets
stand-ins and need not know about it. Implements `importlib.abc.MetaPathFinder` and `importlib.abc.Loader` (PEP 451) by
duck typing.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

    from onebin_runtime.isolation import Isolation


class Isolated:
    """One isolated plugin as the registry declares it; importing it starts its process.

    `roots` are the plugin's outermost modules; `symbols` are (value, contract, provides) rows.
    """

    __slots__ = ("_made", "_symbols", "_timeout", "modules", "roots", "title")

    def __init__(
        self, title: str, *, roots: tuple[str, ...], symbols: tuple[tuple[str, str, str], ...], timeout: float
    ) -> None:
        self.title = title
        self.roots = roots
        self.modules = frozenset(value.partition(":")[0] for value, _, _ in symbols)
        self._symbols = symbols
        self._timeout = timeout
        self._made: dict[str, Isolation] = {}

    def owns(self, module: str) -> bool:
        """Return whether a module belongs to the plugin."""
        return any(module == root or module.startswith(f"{root}.") for root in self.roots)

    def contains(self, package: str) -> bool:
        """Return whether an entry point refers to a module below a package."""
        return any(module.startswith(f"{package}.") for module in self.modules)

    def isolation(self) -> Isolation:
        """Return the plugin with its process; several threads may create one, but all get the same one."""
        if not self._made:
            from onebin_runtime.isolation import Isolation

            made = Isolation(self.title, roots=self.roots, symbols=self._symbols, timeout=self._timeout)
            self._made.setdefault("", made)
        return self._made[""]


class StandIns:
    """A finder that lets the others find an isolated plugin's modules, and loads stand-ins for them."""

    def __init__(self, plugins: tuple[Isolated, ...]) -> None:
        self._plugins = plugins
        self._asking: set[str] = set()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find a module of an isolated plugin; raises ModuleNotFoundError if no entry point refers to it."""
        plugin = next((each for each in self._plugins if each.owns(fullname)), None)
        if plugin is None or fullname in self._asking:
            return None
        if fullname not in plugin.modules and not plugin.contains(fullname):
            text = f"module {fullname!r} belongs to the isolated plugin {plugin.title}, which runs in another process"
            raise ModuleNotFoundError(text, name=fullname)
        self._asking.add(fullname)
        try:
            found = (each.find_spec(fullname, path, target) for each in sys.meta_path if hasattr(each, "find_spec"))
            spec = next((each for each in found if each is not None), None)
        finally:
            self._asking.discard(fullname)
        if spec is not None:
            spec.loader = _Loader(spec.loader, plugin)  # type: ignore[assignment]  # duck-typed
        return spec


class _Loader:
    """A loader that asks a plugin's process instead of executing the module here; resources are read as usual."""

    def __init__(self, loader: Any, plugin: Isolated) -> None:
        self._loader = loader
        self._plugin = plugin

    def create_module(self, spec: ModuleSpec) -> None:  # required by PEP 451
        """Let the import system create the module."""

    def exec_module(self, module: ModuleType) -> None:
        """Fill a module with stand-ins for the symbols that entry points refer to."""
        if module.__name__ in self._plugin.modules:
            for name, value in self._plugin.isolation().load(module.__name__):
                _put(module, name, value)

    def __getattr__(self, name: str) -> object:
        return getattr(self._loader, name)


def _put(module: Any, name: str, value: object) -> None:
    """Set a name that may contain dots; missing parents are created as empty modules."""
    *places, last = name.split(".")
    for place in places:
        if not hasattr(module, place):
            setattr(module, place, type(sys)(place))
        module = getattr(module, place)
    setattr(module, last, value)


def install(*plugins: Isolated) -> None:
    """Isolate these plugins from now on, in this process and in processes forked from it."""
    sys.meta_path.insert(0, StandIns(plugins))


def remove() -> None:
    """Isolate nothing any more: this is the process that runs the plugin's code."""
    sys.meta_path[:] = [each for each in sys.meta_path if not isinstance(each, StandIns)]

"""Modules that stand in the host for those of isolated plugins, and have nothing but what their entry points name.

The modules themselves are imported in the plugins' own processes. A host that loads entry points, by whatever means,
gets what stands for them here, and need not know. Implements `importlib.abc.MetaPathFinder` and
`importlib.abc.Loader` (PEP 451) by duck typing.
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
    """One isolated plugin, as the registry declares it; its process is started when it is imported.

    `roots` are its modules that no other one of it contains; `symbols` are (value, contract, provides) rows.
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
        """Tell whether a module is the plugin's."""
        return any(module == root or module.startswith(f"{root}.") for root in self.roots)

    def contains(self, package: str) -> bool:
        """Tell whether a module that an entry point names lies below a package."""
        return any(module.startswith(f"{package}.") for module in self.modules)

    def isolation(self) -> Isolation:
        """Return the plugin with its process; several threads may make one, but all get the same."""
        if not self._made:
            from onebin_runtime.isolation import Isolation

            made = Isolation(self.title, roots=self.roots, symbols=self._symbols, timeout=self._timeout)
            self._made.setdefault("", made)
        return self._made[""]


class StandIns:
    """A finder that lets the others find an isolated plugin's modules, and loads what stands for them."""

    def __init__(self, plugins: tuple[Isolated, ...]) -> None:
        self._plugins = plugins
        self._asking: set[str] = set()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find a module of an isolated plugin; raises ModuleNotFoundError for those that no entry point names."""
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
    """A loader that asks a plugin's process instead of running a module here; resources are where they were."""

    def __init__(self, loader: Any, plugin: Isolated) -> None:
        self._loader = loader
        self._plugin = plugin

    def create_module(self, spec: ModuleSpec) -> None:  # the protocol's
        """Leave it to the import system to make a module."""

    def exec_module(self, module: ModuleType) -> None:
        """Fill a module with what stands for the symbols that entry points name."""
        if module.__name__ in self._plugin.modules:
            for name, value in self._plugin.isolation().load(module.__name__):
                _put(module, name, value)

    def __getattr__(self, name: str) -> object:
        return getattr(self._loader, name)


def _put(module: Any, name: str, value: object) -> None:
    """Set a name that may have dots: what the first parts lead to is made up then."""
    *places, last = name.split(".")
    for place in places:
        if not hasattr(module, place):
            setattr(module, place, type(sys)(place))
        module = getattr(module, place)
    setattr(module, last, value)


def install(*plugins: Isolated) -> None:
    """Isolate these plugins from now on, in this process and in those that are forked from it."""
    sys.meta_path.insert(0, StandIns(plugins))


def remove() -> None:
    """Isolate none: this is the process where a plugin's code is to run."""
    sys.meta_path[:] = [each for each in sys.meta_path if not isinstance(each, StandIns)]

"""A symbol of a plugin: a public variable or callable that can be read, assigned, called and checked against a type."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, overload

from onebin_runtime._errors import SymbolNotFound, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Owner(Protocol):
    """The plugin that a symbol belongs to: the part of its interface that symbols use."""

    name: str
    distribution: str
    version: str

    def load(self) -> tuple[ModuleType, ...]:
        """Import the plugin's modules once and return them."""


class Symbol:
    """A name in one of a plugin's modules; `value` is its current value, for the plugin and for everyone else."""

    __slots__ = ("_module", "name", "plugin")

    def __init__(self, plugin: Owner, module: ModuleType, name: str) -> None:
        self.plugin = plugin
        self.name = name
        self._module = module

    @property
    def value(self) -> Any:
        """The current value; assigning to it changes what the plugin itself sees."""
        return getattr(self._module, self.name)

    @value.setter
    def value(self, value: object) -> None:
        setattr(self._module, self.name, value)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the value."""
        return self.value(*args, **kwargs)

    @overload
    def expect(self, wanted: Callable[..., T]) -> T: ...

    @overload
    def expect(self, wanted: object) -> Any: ...

    def expect(self, wanted: object) -> Any:
        """Return the value if it fits the wanted type; raises TypeError, which names each member that differs.

        `wanted` is a class or ABC (an instance fits), a Protocol (members and their signatures are compared),
        `type[X]` (a class whose instances fit X) or `Callable[[A, B], R]` (callable with that many arguments).
        """
        from onebin_runtime._expect import differences, title

        value = self.value
        found = differences(value, wanted)
        if found:
            raise TypeError(f"{self} is not {title(wanted)}: {'; '.join(found)}")
        return value

    def __str__(self) -> str:
        return f"{self._module.__name__}:{self.name} of plugin {self.plugin}"

    def __repr__(self) -> str:
        return f"<Symbol {self}>"


def find(plugin: Owner, symbol: str) -> Symbol:
    """Return a public symbol of a plugin; raises SymbolNotFound, with near matches."""
    place, colon, name = symbol.rpartition(":")
    modules = plugin.load()
    searched = [module for module in modules if not colon or module.__name__ == place]
    for module in searched:
        if _is_public(module, name):
            return Symbol(plugin, module, name)
    if colon and not searched:
        known = [f"{module.__name__}:{name}" for module in modules]
        raise SymbolNotFound(f"plugin {plugin} has no module {place!r}{did_you_mean(symbol, known)}")
    known = [other for module in searched for other in _names(module)]
    raise SymbolNotFound(f"plugin {plugin} has no public symbol {name!r}{did_you_mean(name, known)}")


def _names(module: ModuleType) -> list[str]:
    """Return the public names of a module without triggering its lazy attributes (PEP 562)."""
    declared = getattr(module, "__all__", None)
    return list(declared) if declared is not None else [name for name in vars(module) if _is_public(module, name)]


def _is_public(module: ModuleType, name: str) -> bool:
    declared = getattr(module, "__all__", None)
    if declared is not None:
        return name in declared and hasattr(module, name)
    return not name.startswith("_") and not isinstance(getattr(module, name, module), ModuleType)

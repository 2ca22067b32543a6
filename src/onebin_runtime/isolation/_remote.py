"""Objects in the host that stand for those of a plugin in its own process, with the members of their contract."""

from __future__ import annotations

import inspect
import typing
from functools import wraps
from importlib import import_module

from onebin_runtime.isolation._worker import Worker

if typing.TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DEFAULT_SECONDS = 60.0


def isolated(
    value: str,
    contract: object,
    *,
    provides: str = "factory",
    timeout: float = DEFAULT_SECONDS,
    title: str | None = None,
) -> typing.Any:
    """Import a plugin's symbol ("module:attribute") in a separate process, and return a stand-in for it.

    The stand-in for a factory is a class; each of its instances stands for an object that the factory creates in that
    process. The stand-in for an "instance" is an object. Stand-ins have the members of the contract: a Protocol, an
    ABC, a class, or a callable type. Each call may take `timeout` seconds. Raises what importing the symbol raises,
    PluginCrashed and PluginTimeout.
    """
    module, _, attribute = value.partition(":")
    worker = Worker(title or value, timeout=timeout, foreign=(_root(module, contract),))
    _, (facts,) = worker.ask("look", module, [attribute])
    return stand_in(worker, value, facts, contract=contract, provides=provides)


def _root(module: str, contract: object) -> str:
    """Return the top-level package of a plugin, or its module if the contract shares that package (a namespace)."""
    top = module.partition(".")[0]
    return module if str(getattr(contract, "__module__", "")).partition(".")[0] == top else top


def stand_in(worker: Worker, value: str, facts: dict[str, str], *, contract: object, provides: str) -> typing.Any:
    """Return a class that stands for a factory in a worker, or an object that stands for an instance."""
    made = _class_of(contract, facts)
    if provides == "factory":

        def initialise(self: typing.Any, *arguments: object, **named: object) -> None:
            self.__dict__["_remote"] = _Remote(worker, "make", value, arguments, named)

        made.__init__ = initialise
        return made
    instance = object.__new__(made)
    instance.__dict__["_remote"] = _Remote(worker, "take", value)
    return instance


def members_of(contract: object) -> dict[str, bool]:
    """Return the names of a contract's members, and whether each is a method.

    These are all members of a protocol, the public and the abstract members of another class, and `__call__` of a
    callable type.
    """
    if not isinstance(contract, type):
        return {"__call__": True}
    if getattr(contract, "_is_protocol", False):
        from onebin_runtime._expect import members

        names = set(members(contract))
    else:
        names = set(getattr(contract, "__abstractmethods__", ()))
        for each in contract.__mro__[:-1]:
            own = {*vars(each), *inspect.get_annotations(each)}
            names |= {name for name in own if not name.startswith("_") or name == "__call__"}
    return {name: _is_method(inspect.getattr_static(contract, name, None)) for name in sorted(names)}


def _is_method(found: object) -> bool:
    return inspect.isroutine(found) or isinstance(found, (staticmethod, classmethod))


class _Remote:
    """An object in a plugin's process, created again whenever the process was restarted."""

    def __init__(self, worker: Worker, operation: str, *arguments: object) -> None:
        self._worker = worker
        self._operation, self._arguments = operation, arguments
        self._generation = 0
        self._number = 0
        with worker.lock:
            self._ensure()

    def ask(self, operation: str, *arguments: object) -> typing.Any:
        """Ask the process for an operation on the object."""
        with self._worker.lock:
            self._ensure()
            return self._worker.ask(operation, self._number, *arguments, generation=self._generation)

    def _ensure(self) -> None:
        generation = self._worker.start()
        if generation != self._generation:
            self._number = self._worker.ask(self._operation, *self._arguments, generation=generation)
            self._generation = generation

    def __del__(self) -> None:
        if self._generation:
            self._worker.drop(self._generation, self._number)


def _class_of(contract: object, facts: dict[str, str]) -> typing.Any:
    """Create the class of a plugin's stand-ins, whose instances are instances of the contract."""
    names = {name: text for name, text in facts.items() if name in {"__qualname__", "__module__", "__doc__"}}
    body: dict[str, object] = dict(names)
    for name, is_method in members_of(contract).items():
        declared = inspect.getattr_static(contract, name, None)
        declared = getattr(declared, "__func__", declared)
        body[name] = _method(name, declared) if is_method else _attribute(name)
    is_class = isinstance(contract, type) and not getattr(contract, "_is_protocol", False)
    can_register = is_class and hasattr(contract, "register")
    bases = (contract,) if is_class and not can_register else ()
    made: typing.Any = type(facts.get("__name__", "Isolated"), typing.cast("tuple[type, ...]", bases), body)
    if can_register:
        typing.cast("typing.Any", contract).register(made)
    return made


def _method(name: str, declared: object) -> Callable[..., typing.Any]:
    """Return a method that calls the plugin's process, with the signature of the contract's method."""

    def method(self: typing.Any, /, *arguments: object, **named: object) -> typing.Any:
        return self.__dict__["_remote"].ask("call", name, arguments, named)

    async def waiting(self: typing.Any, /, *arguments: object, **named: object) -> typing.Any:
        import asyncio

        return await asyncio.to_thread(method, self, *arguments, **named)

    chosen: Callable[..., typing.Any] = waiting if inspect.iscoroutinefunction(declared) else method
    chosen.__name__ = chosen.__qualname__ = name
    return wraps(declared)(chosen) if inspect.isfunction(declared) else chosen


def _attribute(name: str) -> property:
    return property(lambda self: self.__dict__["_remote"].ask("get", name))


class Isolation:
    """One isolated plugin of a bundle; modules in or below its `roots` are not imported here.

    `symbols` holds (value, contract, provides) for each of its entry points, with contracts as "module:attribute".
    """

    def __init__(
        self, title: str, *, roots: tuple[str, ...], symbols: tuple[tuple[str, str, str], ...], timeout: float
    ) -> None:
        self.symbols = symbols
        self._worker = Worker(title, timeout=timeout, foreign=roots)

    def load(self, module: str) -> Iterator[tuple[str, typing.Any]]:
        """Import a module in the plugin's process, and yield names with their stand-ins."""
        own = [row for row in self.symbols if row[0].partition(":")[0] == module]
        attributes = [value.partition(":")[2] for value, _, _ in own]
        doc, facts = self._worker.ask("look", module, attributes)
        yield "__doc__", doc
        for (value, contract, provides), attribute, known in zip(own, attributes, facts, strict=True):
            made = stand_in(self._worker, value, known, contract=_find(contract), provides=provides)
            if attribute:
                yield attribute, made
            else:
                yield from ((name, getattr(made, name)) for name in members_of(_find(contract)))


def _find(contract: str) -> object:
    module, _, attribute = contract.partition(":")
    found: object = import_module(module)
    for part in attribute.split("."):
        found = getattr(found, part)
    return found

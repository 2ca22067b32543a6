"""Check that the parts of PyInstaller that onebin replaces are still there.

A patch that no longer applies must not go unnoticed: the result would be slower, or wrong. Every patch therefore says
through `PyInstaller` what it expects before it changes anything. Standard library only.
"""

from __future__ import annotations

import importlib
from types import FunctionType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType

# The exit code of a driver that found a PyInstaller to which a patch does not apply; its last line of output says why.
EXIT_CODE = 78


class PatchError(Exception):
    """A patch does not apply to this version of PyInstaller."""


class PyInstaller:
    """The PyInstaller that is patched. `supported` is the range of versions that onebin supports (PEP 440)."""

    def __init__(self, version: str, supported: str) -> None:
        self._version = version
        self._supported = supported

    def require(self, condition: object, what: str) -> None:
        """Raise PatchError, which names what is missing, unless the condition is true."""
        if not condition:
            raise PatchError(
                f"PyInstaller {self._version} has no {what}: "
                f"this version of onebin supports PyInstaller {self._supported}"
            )

    def module(self, name: str) -> Any:
        """Import a module of PyInstaller; raises PatchError if there is none."""
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            self.require(error.name != name, f"module {name}")
            raise

    def attribute(self, owner: Any, name: str) -> Any:
        """Return an attribute of a module or class; raises PatchError if there is none."""
        self.require(hasattr(owner, name), f"{owner.__name__}.{name}")
        return getattr(owner, name)

    def function(self, owner: Any, name: str, *parameters: str, uses: tuple[str, ...] = ()) -> Any:
        """Return a function of a module or class.

        Raises PatchError unless it takes exactly these parameters and its code refers to all names in `uses`.
        """
        found = self.attribute(owner, name)
        signature = f"{owner.__name__}.{name}({', '.join(parameters)})"
        self.require(isinstance(found, FunctionType) and _parameters(found) == parameters, signature)
        for used in uses:
            self.require(used in _names(found.__code__), f"{used} in {signature}")
        return found

    def method(self, owner: type, name: str, *parameters: str, uses: tuple[str, ...] = ()) -> Any:
        """Return the method to replace, checked as `function` does; no subclass may override it."""
        found = self.function(owner, name, *parameters, uses=uses)
        for subclass in _subclasses(owner):
            self.require(name not in vars(subclass), f"{owner.__name__}.{name} that {subclass.__name__} inherits")
        return found


def _parameters(function: FunctionType) -> tuple[str, ...]:
    code = function.__code__
    return code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]


def _names(code: CodeType) -> Iterator[str]:
    """Yield the global and attribute names to which code refers, with those of the functions defined in it."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, type(code)):
            yield from _names(constant)


def _subclasses(owner: type) -> Iterator[type]:
    subclass: type
    for subclass in owner.__subclasses__():
        yield subclass
        yield from _subclasses(subclass)

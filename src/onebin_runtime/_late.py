"""Run PyInstaller's run-time hooks when the module they patch is imported, instead of at every start.

A hook imports the module that it patches, so running it at start would import that module in every process. That is
slow, and it differs from the unfrozen program, because importing a module can change what others see. A hook that sets
an environment variable would set it for every program that the host starts. Implements `importlib.abc.MetaPathFinder`
and `importlib.abc.Loader` (PEP 451) by duck typing.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any


class LateHooks:
    """A finder that leaves finding to the others, and runs actions before and after a module's first execution."""

    def __init__(
        self, actions: dict[str, list[Callable[[], None]]], preparations: dict[str, list[Callable[[], None]]]
    ) -> None:
        self._actions = actions
        self._preparations = preparations
        self._asking: set[str] = set()

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """Find a module that has actions, using the other finders; ignore all other modules."""
        if fullname in self._asking or not (fullname in self._actions or fullname in self._preparations):
            return None
        self._asking.add(fullname)
        try:
            found = (
                finder.find_spec(fullname, path, target) for finder in sys.meta_path if hasattr(finder, "find_spec")
            )
            spec = next((each for each in found if each is not None), None)
        finally:
            self._asking.discard(fullname)
        if spec is not None and spec.loader is not None:
            actions, preparations = self._actions.pop(fullname, []), self._preparations.pop(fullname, [])
            spec.loader = _LateLoader(spec.loader, actions, preparations)  # type: ignore[assignment]  # duck-typed
        return spec


class _LateLoader:
    """A loader that prepares, delegates to another loader, then runs actions; it leaves no trace on the module."""

    def __init__(self, loader: Any, actions: list[Callable[[], None]], preparations: list[Callable[[], None]]) -> None:
        self._loader = loader
        self._actions = actions
        self._preparations = preparations

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        for prepare in self._preparations:  # not later: creating an extension module may execute it
            prepare()
        created: ModuleType | None = self._loader.create_module(spec)
        return created

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        package, _, name = module.__name__.rpartition(".")
        if package in sys.modules:  # the import system does this too, but only after the actions, which may need it
            setattr(sys.modules[package], name, module)
        for action in self._actions:
            action()

    def __getattr__(self, name: str) -> object:
        return getattr(self._loader, name)


def install(
    actions: dict[str, list[Callable[[], None]]], preparations: dict[str, list[Callable[[], None]]] | None = None
) -> None:
    """Run each action just after its module is imported and each preparation just before, or now if it already was."""
    waiting = {module: functions for module, functions in actions.items() if not _run_now(module, functions)}
    preparing = {each: functions for each, functions in (preparations or {}).items() if not _run_now(each, functions)}
    sys.meta_path.insert(0, LateHooks(waiting, preparing))


def _run_now(module: str, functions: list[Callable[[], None]]) -> bool:
    """Run the functions if their module is already imported, and return whether it is."""
    if module not in sys.modules:
        return False
    for function in functions:
        function()
    return True

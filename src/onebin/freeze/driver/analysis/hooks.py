"""Skip hooks that raise, and say which. Standard library only.

PyInstaller ends with the first hook that fails. But a hook only adds to what an analysis finds: an artifact has every
file of every distribution anyway. Many hooks fail only because an optional part of their package is not locked.
"""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from onebin.freeze.driver.patches import PyInstaller

# What a hook for an import must define; PyInstaller calls it during the analysis.
_CALLED = ("pre_safe_import_module", "pre_find_module_path")


class Hooks:
    """Runs hooks; `skipped` says which failed, a line each, with the error."""

    def __init__(self) -> None:
        self.skipped: list[str] = []

    def tolerate(self, imphook: Any, graph_module: Any, pyinstaller: PyInstaller) -> None:
        """Make PyInstaller run hooks in this way; raises PatchError.

        `imphook` and `graph_module` are the modules that load hooks.
        """
        load = pyinstaller.function(imphook, "importlib_load_source", "name", "pathname")
        pyinstaller.function(graph_module, "importlib_load_source", "name", "pathname")
        module_hook = pyinstaller.attribute(imphook, "ModuleHook")
        run = pyinstaller.method(module_hook, "_process_hook_func", "self", "analysis")

        def loaded(name: str, pathname: str) -> Any:
            try:
                return load(name, pathname)
            except Exception as error:  # noqa: BLE001  # a hook may raise anything
                self._note(pathname, error)
                return ModuleType(name)

        def loaded_for_call(name: str, pathname: str) -> Any:
            module = loaded(name, pathname)
            for function in _CALLED:
                if function in name:
                    called = getattr(module, function, None)
                    setattr(module, function, self._tolerant(called, pathname) if called else _do_nothing)
            return module

        def process(hook: Any, analysis: Any) -> None:
            try:
                run(hook, analysis)
            except Exception as error:  # noqa: BLE001  # as above
                self._note(hook.hook_filename, error)

        imphook.importlib_load_source = loaded
        graph_module.importlib_load_source = loaded_for_call
        module_hook._process_hook_func = process  # noqa: SLF001  # the method that is replaced

    def _tolerant(self, function: Callable[[Any], Any], pathname: str) -> Callable[[Any], Any]:
        def tolerant(api: Any) -> Any:
            try:
                return function(api)
            except Exception as error:  # noqa: BLE001  # as above
                self._note(pathname, error)

        return tolerant

    def _note(self, pathname: str, error: Exception) -> None:
        cause = error.__cause__ or error.__context__ or error
        name = pathname.replace("\\", "/").rpartition("/")[2].removesuffix(".py")
        said = next(filter(None, map(str.strip, str(cause).splitlines())), "")  # some packages explain at length
        line = f"{name} was skipped: {type(cause).__name__}: {said}"
        if line not in self.skipped:
            self.skipped.append(line)


def _do_nothing(api: Any) -> None:
    """Stand for a hook that failed."""

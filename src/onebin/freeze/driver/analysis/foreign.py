"""Have PyInstaller analyse for an interpreter of another platform. Standard library only.

The interpreter that runs this has the same feature version, so it compiles the same code. What differs is where the
standard library is, what extension modules are called, and which modules are inside the interpreter. Which libraries
binaries need was read from the files before, since no program of this machine can tell.
"""

from __future__ import annotations

import importlib.machinery
import os
import sys
import sysconfig
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onebin.freeze.driver.patches import PyInstaller
    from onebin.freeze.driver.wanted import Wanted


class Foreign:
    """The interpreter that is frozen, as `wanted` describes it."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        base = {"base": sys.base_prefix, "platbase": sys.base_exec_prefix}  # not the stage's
        library = sysconfig.get_path("stdlib", vars=base)
        extensions = os.path.join(sysconfig.get_path("platstdlib", vars=base), "lib-dynload")  # noqa: PTH118  # paths are text here
        self._own = [library, extensions]
        self._finders: dict[str, importlib.machinery.FileFinder] = {}

    def place_of(self, source: str) -> str:
        """Return the file of the interpreter that is frozen for a file of this one's standard library."""
        for own, other in zip(self._own, self._wanted.library_folders, strict=True):
            if source.startswith(own + os.sep):
                place = other + source[len(own) :]
                return place if os.path.exists(place) else f"{place}c"  # noqa: PTH110  # it may have no sources
        return source

    @property
    def library_folders(self) -> list[str]:
        """Where that interpreter has its standard library."""
        return self._wanted.library_folders

    def analyse_for(self, modulegraph: Any, graphs: Any, bindepend: Any, pyinstaller: PyInstaller) -> None:
        """Make PyInstaller's modules look at that interpreter: `modulegraph`, `bindepend` and, as `graphs`, `analysis`.

        Raises PatchError. Nothing changes if that interpreter is the one that runs this.
        """
        if not self._wanted.is_foreign:
            return
        graph = pyinstaller.attribute(modulegraph, "ModuleGraph")
        parameters = ("self", "name", "path", "parent")
        find = pyinstaller.method(graph, "_find_module", *parameters, uses=("builtin_module_names",))
        parameters = ("self", "fullname", "module_name", "search_dirs")
        pyinstaller.function(graph, "_find_module_path", *parameters, uses=("pkgutil", "get_importer"))
        pyinstaller.function(bindepend, "get_imports", "filename", "search_paths")
        submodules = pyinstaller.attribute(graphs, "collect_submodules")
        graphs.collect_submodules = lambda package: [name for name in submodules(package) if self._has(name)]
        kind, inside = pyinstaller.attribute(modulegraph, "BUILTIN_MODULE"), frozenset(self._wanted.built_in)

        def found(self: Any, name: str, path: Sequence[str] | None, parent: Any = None) -> Any:
            if path is not None or parent is not None or self.find_node(name) is not None:
                return find(self, name, path, parent)
            return (None, kind) if name in inside else self._find_module_path(name, name, self.path)

        graph._find_module = found  # noqa: SLF001  # it has no public name
        modulegraph.pkgutil = SimpleNamespace(get_importer=self._finder)
        bindepend.get_imports = lambda _filename, _search_paths=None: set()

    def _has(self, name: str) -> bool:
        """Return whether the library of that interpreter has a module: a newer release may have one less."""
        file = os.path.join(self._wanted.library_folders[0], *name.split("."))  # noqa: PTH118  # paths are text here
        ends = (".py", ".pyc", "/__init__.py", "/__init__.pyc")
        return any(os.path.exists(f"{file}{end}") for end in ends)  # noqa: PTH110  # as above

    def _finder(self, folder: str) -> importlib.machinery.FileFinder | None:
        """Return what finds the modules of that interpreter in a folder; its standard library is elsewhere."""
        folder = dict(zip(self._own, self._wanted.library_folders, strict=True)).get(folder, folder)
        if not os.path.isdir(folder):  # noqa: PTH112  # paths are text here
            return None
        if folder not in self._finders:
            kinds = (
                (importlib.machinery.ExtensionFileLoader, self._wanted.suffixes),
                (importlib.machinery.SourceFileLoader, importlib.machinery.SOURCE_SUFFIXES),
                (importlib.machinery.SourcelessFileLoader, importlib.machinery.BYTECODE_SUFFIXES),
            )
            self._finders[folder] = importlib.machinery.FileFinder(folder, *kinds)
        return self._finders[folder]

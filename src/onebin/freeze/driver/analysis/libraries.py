"""Keep what the system's tools say about the interpreter's own extension modules. Standard library only.

PyInstaller starts `ldd` and `objdump` for each of them: most of a second for a Python with eighty. The answers depend
on the interpreter, which is the same for all builds that share what is kept, and on the libraries of the system.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from onebin.freeze.driver.patches import PyInstaller

_SEARCH_PATH = "LD_LIBRARY_PATH"


class Libraries:
    """The answers kept in `scans`, for files that are the same wherever they are kept (`places`).

    `system_libraries` is the file that lists the libraries of the system (ldconfig(8)), if there is one.
    """

    def __init__(self, scans: Any, places: Any, system_libraries: str) -> None:
        self._scans, self._places = scans, places
        try:
            self._system = Path(system_libraries).read_bytes()
        except OSError:  # musl has none
            self._system = b""

    def remember_for(self, bindepend: Any, pyinstaller: PyInstaller) -> None:
        """Make PyInstaller's module `bindepend` use the answers kept here, and keep new ones; raises PatchError."""
        needs = pyinstaller.function(bindepend, "get_imports", "filename", "search_paths")
        kind = pyinstaller.function(bindepend, "classify_binary_vs_data", "filename")

        def remembered_needs(filename: str, search_paths: Iterable[str] | None = None) -> Any:
            if not self._places.is_fixed(str(filename)):
                return needs(filename, search_paths)
            name = self._name("needs", str(filename))
            known = self._scans.read(name)
            if known is None or not all(os.path.exists(file) for _, file in known):  # noqa: PTH110  # paths are text here
                known = sorted(needs(filename, search_paths), key=str)
                if all(file is not None and self._places.portable(file) == file for _, file in known):
                    self._scans.keep(name, known)
            return set(known)

        def remembered_kind(filename: str) -> Any:
            if not self._places.is_fixed(str(filename)):
                return kind(filename)
            name = self._name("kind", str(filename))
            known = self._scans.read(name)
            if known is None:
                known = kind(filename)
                self._scans.keep(name, known)
            return known

        bindepend.get_imports, bindepend.classify_binary_vs_data = remembered_needs, remembered_kind

    def _name(self, question: str, file: str) -> str:
        asked = f"{file}\0{os.environ.get(_SEARCH_PATH, '')}\0".encode(errors="surrogateescape")
        return f"{question}-{hashlib.sha256(asked + self._system).hexdigest()}"

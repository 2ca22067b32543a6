"""Where everything is in a tree. All places are POSIX paths relative to the tree's root.

bin/                              links to the interpreter, console scripts, and the programs of distributions
lib/python3.12/site-packages/     the distributions, as installed
share/ etc/ include/              what wheels install below the prefix
pyvenv.cfg                        makes this an environment (PEP 405)
python/                           the interpreter by itself: bin/, lib/, include/
onebin/                           the modules that onebin generates
code.bin                          compiled code of what a start can reach
relocate                          what has to be rewritten in each place where the tree is unpacked
.complete                         written by the launcher, last of all: the tree is complete

On Windows, as in an environment there:

Scripts/                          python.exe, which is a copy of the interpreter, and the programs
Lib/site-packages/                the distributions
python/                           the interpreter by itself: python.exe, python312.dll, Lib/, DLLs/, Include/
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

CODE = "code.bin"
CONFIGURATION = "pyvenv.cfg"
RELOCATIONS = "relocate"
GENERATED = "onebin"
INTERPRETER = "python"
PROGRAMS = "bin"
SHARED_LIBRARIES = "python/lib"


@dataclass(frozen=True, kw_only=True)
class Places:
    """The places that depend on the interpreter's feature version, such as "3.12", and on the system it is for."""

    minor: str
    system: Literal["linux", "macos", "windows"] = "linux"

    @property
    def is_windows(self) -> bool:
        """Whether the tree has the places of Windows."""
        return self.system == "windows"

    @property
    def executable(self) -> str:
        """The file name of the interpreter."""
        return "python.exe" if self.is_windows else self._versioned

    @property
    def programs(self) -> str:
        """The interpreter of the environment, console scripts and programs."""
        return "Scripts" if self.is_windows else PROGRAMS

    @property
    def home(self) -> str:
        """The folder of the interpreter itself, which pyvenv.cfg names."""
        return INTERPRETER if self.is_windows else f"{INTERPRETER}/bin"

    @property
    def shared_libraries(self) -> str:
        """Python's library and the shared libraries that others need."""
        return INTERPRETER if self.is_windows else SHARED_LIBRARIES

    def written(self, place: str) -> str:
        """Return a place as the system writes paths."""
        return place.replace("/", "\\") if self.is_windows else place

    @property
    def _versioned(self) -> str:
        return f"python{self.minor}"

    @property
    def interpreter(self) -> str:
        """The interpreter itself; `bin` has links to it, or `Scripts` a copy."""
        return f"{self.home}/{self.executable}"

    @property
    def library(self) -> str:
        """The standard library."""
        return f"{INTERPRETER}/Lib" if self.is_windows else f"{INTERPRETER}/lib/{self._versioned}"

    @property
    def extensions(self) -> str:
        """The standard library's extension modules."""
        return f"{INTERPRETER}/DLLs" if self.is_windows else f"{self.library}/lib-dynload"

    @property
    def headers(self) -> str:
        """The headers of the interpreter, for those who compile extension modules."""
        return f"{INTERPRETER}/Include" if self.is_windows else f"{INTERPRETER}/include/{self._versioned}"

    @property
    def site_packages(self) -> str:
        """The distributions."""
        return "Lib/site-packages" if self.is_windows else f"lib/{self._versioned}/site-packages"

    def of_installed(self, recorded: str) -> str | None:
        """Return the place of a file that a distribution's RECORD names, or None if it is outside the environment."""
        parts: list[str] = []
        for part in PurePosixPath(self.site_packages, recorded).parts:
            if part != "..":
                parts.append(part)
            elif parts:
                parts.pop()
            else:
                return None
        return None if recorded.startswith("/") else "/".join(parts)

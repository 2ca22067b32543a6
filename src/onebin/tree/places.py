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

On Windows, as in an environment there, Scripts/ is in the place of bin/, and Lib/site-packages/ in that of
lib/python3.12/site-packages/; python/ has the interpreter beside its Lib/ and DLLs/.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onebin.python import Interpreter

CODE = "code.bin"
CONFIGURATION = "pyvenv.cfg"
RELOCATIONS = "relocate"
GENERATED = "onebin"
INTERPRETER = "python"


@dataclass(frozen=True, kw_only=True)
class Places:
    """The places that depend on the interpreter's feature version, such as "3.12"."""

    minor: str

    @property
    def executable(self) -> str:
        """The file name of the interpreter."""
        return f"python{self.minor}"

    @property
    def programs(self) -> str:
        """The console scripts and the programs of distributions."""
        return "bin"

    @property
    def home(self) -> str:
        """The folder of the base interpreter, as pyvenv.cfg names it (PEP 405)."""
        return "python/bin"

    @property
    def shared_libraries(self) -> str:
        """The shared libraries from outside of the environment, and the interpreter's own."""
        return "python/lib"

    @property
    def interpreter(self) -> str:
        """The interpreter itself; `bin` has links to it."""
        return f"python/bin/{self.executable}"

    @property
    def library(self) -> str:
        """The standard library."""
        return f"python/lib/{self.executable}"

    @property
    def extensions(self) -> str:
        """The standard library's extension modules."""
        return f"{self.library}/lib-dynload"

    @property
    def headers(self) -> str:
        """The headers of the interpreter, for those who compile extension modules."""
        return f"python/include/{self.executable}"

    @property
    def site_packages(self) -> str:
        """The distributions."""
        return f"lib/{self.executable}/site-packages"

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


@dataclass(frozen=True, kw_only=True)
class WindowsPlaces(Places):
    """The same on Windows. Distributions come from an environment as on POSIX systems."""

    @property
    def executable(self) -> str:
        """The file name of the interpreter."""
        return "python.exe"

    @property
    def programs(self) -> str:
        """The console scripts and the programs of distributions."""
        return "Scripts"

    @property
    def home(self) -> str:
        """The folder of the base interpreter, as pyvenv.cfg names it (PEP 405)."""
        return "python"

    @property
    def shared_libraries(self) -> str:
        """The shared libraries from outside of the environment, and the interpreter's own."""
        return "python"

    @property
    def interpreter(self) -> str:
        """The base interpreter; the one of the environment is another copy."""
        return f"python/{self.executable}"

    @property
    def library(self) -> str:
        """The standard library."""
        return "python/Lib"

    @property
    def extensions(self) -> str:
        """The standard library's extension modules."""
        return "python/DLLs"

    @property
    def headers(self) -> str:
        """The headers of the interpreter, for those who compile extension modules."""
        return "python/include"

    @property
    def site_packages(self) -> str:
        """The distributions."""
        return "Lib/site-packages"

    def of_installed(self, recorded: str) -> str | None:
        """Return the place of a file that a distribution's RECORD names, or None if it is outside the environment."""
        posix = Places(minor=self.minor)
        place = posix.of_installed(recorded)
        for there, here in ((posix.site_packages, self.site_packages), (posix.programs, self.programs)):
            if place is not None and place.startswith(f"{there}/"):
                return here + place[len(there) :]
        return place


def places_of(python: Interpreter) -> Places:
    """Return the places in a tree for an interpreter."""
    return places_on(python.platform, python.minor)


def places_on(tag: str, minor: str) -> Places:
    """Return the places in a tree for a platform, as `sysconfig.get_platform` names it, and a feature version."""
    return WindowsPlaces(minor=minor) if tag.startswith("win") else Places(minor=minor)

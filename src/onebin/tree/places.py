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
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

CODE = "code.bin"
CONFIGURATION = "pyvenv.cfg"
RELOCATIONS = "relocate"
GENERATED = "onebin"
INTERPRETER = "python"
PROGRAMS = "bin"
SHARED_LIBRARIES = "python/lib"


@dataclass(frozen=True, kw_only=True)
class Places:
    """The places that depend on the interpreter's feature version, such as "3.12"."""

    minor: str

    @property
    def executable(self) -> str:
        """The file name of the interpreter."""
        return f"python{self.minor}"

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

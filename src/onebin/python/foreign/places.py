"""Find the Python installations below a folder, by the files that each kind of them has.

The kinds are: what `make install` leaves (python-build-standalone, pyenv, uv), a system's root directory (Debian's
packages), a Windows installation, and the embeddable package for Windows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_PROGRAM = re.compile(r"python3\.(?P<minor>\d+)(?P<flags>t?d?)")
_DLL = re.compile(r"python3(?P<minor>\d+)(?P<flags>t?)\.dll", re.IGNORECASE)
_OTHERS = re.compile(r"(?P<name>pypy|graalpy)3?(?:\.exe)?")
_TITLES = {"pypy": "PyPy", "graalpy": "GraalPy"}
# An archive has one folder at its top, or two ("python/install"); a root directory has "usr", or "usr/local".
_DEPTHS = ("", "*/", "*/*/")


@dataclass(frozen=True, kw_only=True)
class Place:
    """An installation: its program, its prefix, and the folder that stands for "/" around it.

    `minor` is its feature version, such as "3.12"; `abiflags` are "t" and "d", as in its program's name.
    """

    executable: Path
    prefix: Path
    root: Path
    minor: str
    abiflags: str

    @property
    def is_windows(self) -> bool:
        """Whether it is for Windows."""
        return self.executable.suffix == ".exe"


def places_in(folder: Path) -> list[Place]:
    """Return the installations in a folder and up to two folders below, each once."""
    top = folder.resolve()
    found = (place for depth in _DEPTHS for place in (*_posix(top, depth), *_windows(top, depth)))
    return list({place.executable: place for place in found}.values())


def other_implementation(folder: Path) -> str | None:
    """Return the name of an implementation other than CPython that is in a folder, if there is one."""
    files = (file for depth in _DEPTHS for file in (*folder.glob(f"{depth}bin/*"), *folder.glob(f"{depth}*.exe")))
    return next((_TITLES[found["name"]] for file in files if (found := _OTHERS.fullmatch(file.name))), None)


def _posix(top: Path, depth: str) -> Iterator[Place]:
    for program in sorted(top.glob(f"{depth}bin/python3.*")):
        executable = program.resolve()  # uv and installers have links of shorter names
        named = _PROGRAM.fullmatch(executable.name)
        if named is None or not executable.is_file() or not executable.is_relative_to(top):
            continue
        prefix = executable.parent.parent
        yield Place(
            executable=executable,
            prefix=prefix,
            root=_root_of(prefix),
            minor=f"3.{named['minor']}",
            abiflags=named["flags"],
        )


def _windows(top: Path, depth: str) -> Iterator[Place]:
    for program in sorted(top.glob(f"{depth}python.exe")):
        names = [named for file in program.parent.iterdir() if (named := _DLL.fullmatch(file.name))]
        for named in names:  # an environment has none
            yield Place(
                executable=program.resolve(),
                prefix=program.resolve().parent,
                root=program.resolve().parent,
                minor=f"3.{named['minor']}",
                abiflags=named["flags"],
            )


def _root_of(prefix: Path) -> Path:
    if prefix.parts[-2:] == ("usr", "local"):
        return prefix.parent.parent
    return prefix.parent if prefix.name == "usr" else prefix

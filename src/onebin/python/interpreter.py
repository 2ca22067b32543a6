"""An interpreter: what is known about it, and the modules of its standard library."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from onebin.platforms import Platform, Runner, runner_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# In every interpreter, and neither in files nor in `built_in`.
_FROZEN = frozenset({"_frozen_importlib", "_frozen_importlib_external"})
ELSEWHERE = "it is in the standard library only on other platforms, in other versions, or in other builds"


@dataclass(frozen=True, kw_only=True)
class Interpreter:
    """A Python installation: its resolved executable, version ("3.12.1"), platform tag and shared library.

    `abiflags` are "t" for a free-threaded build and "d" for a debug build; `include` is where its headers would be.
    `suffixes` are those of its extension modules, `built_in` names the modules inside it. `markers` are its values for
    environment markers (the specification on dependency specifiers, PEP 508).

    `builder` is an interpreter that runs on this machine and has the same feature version: it is the one that compiles
    and analyses. It is `executable` itself, unless that is for another platform. `root` is the folder that stands for
    "/" around an interpreter that is not installed on this machine, but lies in a folder; its `build` is the digest of
    what is in there.
    """

    executable: Path
    version: str
    implementation: str
    build: str
    platform: str
    library: Path | None
    prefix: Path
    abiflags: str
    include: Path
    stdlib: tuple[Path, ...]
    suffixes: tuple[str, ...]
    built_in: tuple[str, ...] = field(repr=False)
    markers: Mapping[str, str] = field(repr=False)
    target: Platform | None = None
    builder: Path
    root: Path | None = None

    @cached_property
    def standard_library(self) -> Mapping[str, Path]:
        """The files of the standard library's modules, by the names of the modules."""
        files = ((top, file) for top in self.stdlib for file in sorted(_library_files(top), key=_is_source))
        return {name: top / file for top, file in files if (name := _module_name(file)) is not None}

    @cached_property
    def library_names(self) -> frozenset[str]:
        """The top-level names of the standard library, which no distribution's module can replace."""
        return frozenset(file.name.partition(".")[0] for top in self.stdlib if top.is_dir() for file in top.iterdir())

    def has_module(self, name: str) -> bool:
        """Return whether a module is in its standard library: in a file, or inside the interpreter."""
        return name in self.standard_library or name in self.built_in or name in _FROZEN

    def absence_of(self, name: str) -> str | None:
        """Return a sentence if it has no such module, but the standard library of some Python does; else None."""
        top = name.partition(".")[0]
        if top not in sys.stdlib_module_names or self.has_module(top):
            return None
        return f"Python {self.version} for {self.target or self.platform} does not have the module {top}"

    @property
    def is_foreign(self) -> bool:
        """Whether another interpreter compiles and analyses for it."""
        return self.builder != self.executable

    @property
    def runner(self) -> Runner | None:
        """How it is run here, where it is; None if it cannot be."""
        if not self.is_foreign:
            return Runner.native()
        loader = self.root and self.target and self.target.loader and self.root / self.target.loader.lstrip("/")
        return None if self.target is None else runner_of(self.target, brings_loader=bool(loader and loader.exists()))

    @property
    def minor(self) -> str:
        """The feature version, such as "3.12", which wheels and bytecode depend on."""
        return ".".join(self.version.split(".")[:2])

    @property
    def identity(self) -> dict[str, str]:
        """Everything that makes two interpreters produce different artifacts.

        Markers are not included: some of them name the kernel that is running, and what they decide is in the lock. An
        interpreter that lies in a folder is the same wherever that is.
        """
        place = self.executable if self.root is None else self.executable.relative_to(self.root)
        return {
            "executable": place.as_posix(),
            "version": self.version,
            "implementation": self.implementation,
            "build": self.build,
            "platform": self.platform,
        }


def _module_name(file: PurePath) -> str | None:
    """Return the module name for a file of the standard library, or None if it is not a module."""
    stem, _, suffix = file.name.partition(".")
    if suffix not in {"py", "pyc"} and not suffix.endswith(("so", "pyd")):
        return None
    parts = [*file.parts[:-1], *(() if stem == "__init__" else (stem,))]
    return ".".join(parts) if parts and all(part.isidentifier() for part in parts) else None


def _is_source(file: PurePath) -> bool:
    """Return whether a file is a source, which is imported rather than compiled code beside it."""
    return file.suffix != ".pyc"


def _library_files(top: Path) -> Iterator[PurePath]:
    """Yield the files below a folder, as relative paths; skips folders without modules, such as site-packages."""
    for folder, folders, files in os.walk(top):
        folders[:] = [name for name in folders if name.isidentifier() and name != "__pycache__"]
        yield from (
            PurePath(os.path.relpath(os.path.join(folder, name), top))  # noqa: PTH118  # much faster with strings
            for name in files
        )

"""The starter: the program that is `python` in an unpacked installation.

Given an interpreter, returns the file of the compiled starter for its minor version and ABI. A released onebin includes
starters. Otherwise one is compiled once, into the cache, with the headers of an interpreter of that version.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from shutil import copy2
from typing import TYPE_CHECKING

from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile
from elftools.elf.segments import InterpSegment

from onebin.errors import PackError, os_errors
from onebin.launcher import compiler
from onebin.python import installed
from onebin.system import sha256_of, sha256_of_file

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import IO

    from onebin.cache import Cache
    from onebin.python import Interpreter, PackageSource

KIND = "launchers"

# The platforms that have a starter, with Zig's names for them. The oldest glibc in use keeps the starter from needing a
# newer one than the interpreter does.
TARGETS = {"linux-x86_64": "x86_64-linux-gnu.2.17", "linux-aarch64": "aarch64-linux-gnu.2.17"}
_LOADERS = {"linux-x86_64": "/lib64/ld-linux-x86-64.so.2", "linux-aarch64": "/lib/ld-linux-aarch64.so.1"}

# The launcher overwrites two paths when it unpacks the starter, each in a region of this size that ends with NUL.
RESERVED = 1024
_ORIGIN, _LIBRARY_DIR = "$ORIGIN", "../lib"
_SEARCH_PATH = _ORIGIN + "/" * (RESERVED - len(_ORIGIN) - len(_LIBRARY_DIR) - 1) + _LIBRARY_DIR

_C_FLAGS = ("-O2", "-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-fPIE", "-fvisibility=hidden")
_LINK_FLAGS = ("-pie", "-s", "-Wl,--allow-shlib-undefined", "-Wl,--no-dynamic-linker", f"-Wl,-rpath,{_SEARCH_PATH}")

_RPATH = 15  # the tag DT_RPATH of the dynamic section


@dataclass(frozen=True, kw_only=True)
class Region:
    """A part of a file that holds a path, padded to a fixed size: its offset, size in bytes, and text."""

    offset: int
    size: int
    text: str


def exists_for(platform: str) -> bool:
    """Return whether a platform, named as by `sysconfig.get_platform`, has a starter."""
    return platform in TARGETS


def find(interpreter: Interpreter, cache: Cache, *, source: PackageSource) -> Path:
    """Return the compiled starter for an interpreter; raises PackError if it cannot be compiled.

    A released onebin includes it; otherwise a folder filled by `onebin vendor` has it.
    """
    name = file_name(interpreter)
    for directory in (compiler.included_dir(), source.wheelhouse):
        if directory and (directory / name).is_file():
            return directory / name

    def make(partial: Path) -> None:
        compile_for(interpreter, partial / name, offline=source.is_offline)

    with os_errors(PackError, "store the starter in", cache.directory):
        return cache.ensure(KIND, name, make) / name


def is_included(interpreter: Interpreter) -> bool:
    """Return whether onebin itself includes the starter of an interpreter, as a release does."""
    return (compiler.included_dir() / file_name(interpreter)).is_file()


def file_name(interpreter: Interpreter) -> str:
    """Return the file name of an interpreter's starter; it contains a digest of everything the starter is made from."""
    sources = [(file.name, sha256_of_file(file)) for file in [*_sources("*.[ch]"), _trailer()]]
    inputs = [sources, compiler.REQUIREMENTS, _C_FLAGS, _LINK_FLAGS, TARGETS, _LOADERS]
    version = f"{interpreter.minor}{interpreter.abiflags}"
    return f"python{version}-{interpreter.platform}-{sha256_of(inputs)[:16]}"


def compile_for(interpreter: Interpreter, output: Path, *, offline: bool = False) -> None:
    """Compile the starter of an interpreter into a file; raises PackError.

    Uses the headers of another interpreter with the same ABI if this one has none.
    """
    provider = _with_headers(interpreter)
    with tempfile.TemporaryDirectory(dir=output.parent) as name:
        tools = compiler.install(Path(name), offline=offline)
        _compile(provider, tools, output)


def compile_into(directory: Path, interpreters: Iterable[Interpreter]) -> set[str]:
    """Compile a starter for each ABI among some interpreters, unless the directory has it; return the file names.

    Raises PackError.
    """
    wanted = {file_name(each): each for each in interpreters if each.platform in TARGETS and _has_headers(each)}
    for name, interpreter in wanted.items():
        if not (directory / name).exists():
            with tempfile.TemporaryDirectory() as scratch:
                compile_for(interpreter, Path(scratch) / name)
                copy2(Path(scratch) / name, directory)
    return set(wanted)


def relocatable(file: Path) -> list[Region]:
    """Return where a starter names its library folder (DT_RPATH) and its dynamic loader (PT_INTERP), in this order.

    The launcher writes absolute paths there, so that a copy of the starter works in any folder. Raises OSError, and
    ValueError for a file that is not a starter.
    """
    with file.open("rb") as stream:
        elf = ELFFile(stream)
        found = [*_search_paths(elf), *_loaders(elf)]
    regions = [Region(offset=offset, size=size, text=text) for offset, size, text in found]
    if len(regions) != 2 or any(region.size != RESERVED for region in regions):
        raise ValueError(f"{file} is not a starter: it does not reserve space for two paths")
    return regions


def _compile(interpreter: Interpreter, tools: compiler.Compiler, output: Path) -> None:
    platform = interpreter.platform
    loader = "/" * (RESERVED - 1 - len(_LOADERS[platform])) + _LOADERS[platform]
    tools.run(
        "cc",
        *("-target", TARGETS[platform]),
        *_C_FLAGS,
        f'-DDYNAMIC_LOADER="{loader}"',
        *("-isystem", interpreter.include),
        *_sources("*.c"),
        str(interpreter.library),
        *_LINK_FLAGS,
        *("-o", output),
        failure="the starter does not compile",
    )
    with output.open("r+b") as stream:
        _prefer_search_path(stream)
    relocatable(output)


def _prefer_search_path(stream: IO[bytes]) -> None:
    """Turn DT_RUNPATH into DT_RPATH, which also applies to what libraries need; the compiler only writes the former."""
    elf = ELFFile(stream)
    section = _dynamic_section(elf)
    size = elf.structs.Elf_Dyn.sizeof()
    for number, tag in enumerate(section.iter_tags()):
        if tag.entry.d_tag == "DT_RUNPATH":
            stream.seek(section["sh_offset"] + number * size)
            stream.write(_RPATH.to_bytes(size // 2, "little"))
            return
    raise ValueError("the starter has no search path for libraries")


def _dynamic_section(elf: ELFFile) -> DynamicSection:
    section = elf.get_section_by_name(".dynamic")
    if not isinstance(section, DynamicSection):
        raise ValueError("a starter is linked dynamically")  # noqa: TRY004  # the file is wrong, not an argument's type
    return section


def _search_paths(elf: ELFFile) -> Iterable[tuple[int, int, str]]:
    """Yield the offset, the size with the final NUL, and the text of each search path in the dynamic section."""
    strings = elf.get_section_by_name(".dynstr")
    for tag in _dynamic_section(elf).iter_tags("DT_RPATH"):
        text = tag.rpath  # type: ignore[attr-defined]  # set on tags of this type
        yield strings["sh_offset"] + tag.entry.d_val, len(text) + 1, text  # type: ignore[index]  # it is there


def _loaders(elf: ELFFile) -> Iterable[tuple[int, int, str]]:
    """Yield the offset, the size and the text of the dynamic loader's path."""
    for segment in elf.iter_segments():
        if isinstance(segment, InterpSegment):
            yield segment["p_offset"], segment["p_filesz"], segment.get_interp_name()


def _with_headers(interpreter: Interpreter) -> Interpreter:
    """Return the interpreter, or another one on this machine with the same ABI, that has its headers and library."""
    abi = (interpreter.platform, interpreter.minor, interpreter.abiflags)
    for each in (interpreter, *installed()):
        if (each.platform, each.minor, each.abiflags) == abi and _has_headers(each):
            return each
    raise PackError(
        f"the starter for Python {interpreter.minor} cannot be compiled: no interpreter of that version has headers",
        f"install them (Debian: libpython{interpreter.minor}-dev), use a Python managed by uv (uv python install"
        f" {interpreter.minor}), or install a released onebin, which carries compiled starters",
    )


def _has_headers(interpreter: Interpreter) -> bool:
    return interpreter.library is not None and (interpreter.include / "Python.h").is_file()


def _sources(pattern: str) -> list[Path]:
    return sorted((compiler.source_dir() / "starter").glob(pattern))


def _trailer() -> Path:
    """Return the header that the starter shares with the launcher."""
    return compiler.source_dir() / "trailer.h"

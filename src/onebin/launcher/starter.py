"""The starter: the program that is `python` in an unpacked installation.

Given an interpreter, returns the file of the compiled starter for its minor version and ABI. A released onebin includes
starters. Otherwise one is compiled once, into the cache, with the headers of an interpreter of that version.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from shutil import copy2
from typing import TYPE_CHECKING, TypeGuard

from elftools.common.exceptions import ELFError
from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection
from elftools.elf.segments import InterpSegment

from onebin.errors import PackError, os_errors
from onebin.launcher import compiler, windows
from onebin.python import INDEXES, PackageSource, installed, is_new_enough
from onebin.system import sha256_of, sha256_of_file, tell

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import IO

    from onebin.cache import Cache
    from onebin.platforms import Platform
    from onebin.python import Interpreter

KIND = "launchers"

# The platforms that have a starter, with Zig's names for them. The oldest glibc in use keeps the starter from needing a
# newer one than the interpreter does.
TARGETS = {
    "linux-x86_64": "x86_64-linux-gnu.2.17",
    "linux-aarch64": "aarch64-linux-gnu.2.17",
    "linux-x86_64-musl": "x86_64-linux-musl",
    "linux-aarch64-musl": "aarch64-linux-musl",
    "windows-x86_64": "x86_64-windows-gnu",
}
_LOADERS = {
    "linux-x86_64": "/lib64/ld-linux-x86-64.so.2",
    "linux-aarch64": "/lib/ld-linux-aarch64.so.1",
    "linux-x86_64-musl": "/lib/ld-musl-x86_64.so.1",
    "linux-aarch64-musl": "/lib/ld-musl-aarch64.so.1",
}

# The launcher overwrites two paths when it unpacks the starter, each in a region of this size that ends with NUL.
RESERVED = 1024
_ORIGIN, _LIBRARY_DIR = "$ORIGIN", "../lib"
_PADDING = "/" * (RESERVED - len(_ORIGIN) - len(_LIBRARY_DIR) - 1)
_SEARCH_PATHS = {
    "gnu": f"{_ORIGIN}{_PADDING}{_LIBRARY_DIR}",
    # musl's loader uses no entry of more than 500 bytes and skips empty ones, which are the current folder for glibc's.
    "musl": f"{_ORIGIN}/{_LIBRARY_DIR}{_PADDING[1:].replace('/', ':')}",
}

_C_FLAGS = ("-O2", "-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-fPIE", "-fvisibility=hidden")
# -rdynamic: extension modules find the few functions of the starter that are not hidden, instead of CPython's own.
_LINK_FLAGS = ("-dynamic", "-pie", "-s", "-rdynamic", "-Wl,--allow-shlib-undefined", "-Wl,--no-dynamic-linker")

_FAILURE = "the starter does not compile"
_RPATH = 15  # the tag DT_RPATH of the dynamic section


@dataclass(frozen=True, kw_only=True)
class Region:
    """A part of a file that holds a path, padded to a fixed size: its offset, size in bytes, and text."""

    offset: int
    size: int
    text: str


def exists_for(platform: Platform | None) -> TypeGuard[Platform]:
    """Return whether a platform has a starter; None is one without a name."""
    return platform is not None and platform.name in TARGETS


def find(interpreter: Interpreter, cache: Cache, *, source: PackageSource) -> Path:
    """Return the compiled starter for an interpreter; raises PackError if its platform has none or it does not compile.

    A released onebin includes it; otherwise a folder filled by `onebin vendor` or a wheel of onebin may have it.
    """
    name = file_name(interpreter)
    if given := compiler.given(name, source):
        return given

    def make(partial: Path) -> None:
        if not compiler.take_from_wheel(name, partial):
            compile_for(interpreter, partial / name, source=source, kept=compiler.kept_in(cache))

    with os_errors(PackError, "store the starter in", cache.directory):
        return cache.ensure(KIND, name, make) / name


def is_ready(interpreter: Interpreter, cache: Cache, *, source: PackageSource) -> bool:
    """Return whether the starter of an interpreter need not be compiled."""
    name = file_name(interpreter)
    return compiler.given(name, source) is not None or cache.find(KIND, name) is not None


def is_included(interpreter: Interpreter) -> bool:
    """Return whether onebin itself includes the starter of an interpreter, as a release does."""
    return (compiler.included_dir() / file_name(interpreter)).is_file()


def file_name(interpreter: Interpreter) -> str:
    """Return the file name of an interpreter's starter; raises PackError if its platform has none.

    It contains a digest of everything that the starter is made from.
    """
    return _name(interpreter, _target(interpreter))


def compile_for(
    interpreter: Interpreter, output: Path, *, source: PackageSource = INDEXES, kept: Path | None = None
) -> None:
    """Compile the starter of an interpreter into a file; raises PackError.

    Uses the headers of another interpreter with the same ABI if this one has none. `kept` is a folder for what the
    compiler may use again.
    """
    headers = _with_headers(interpreter)
    with tempfile.TemporaryDirectory(dir=output.parent) as name:
        tools = compiler.install(Path(name), source=source, kept=kept)
        tell("compiling the starter")
        _compile(headers, _target(interpreter), tools, output)


def compile_into(directory: Path, platforms: Sequence[Platform], interpreters: Iterable[Interpreter]) -> None:
    """Compile starters into a directory, for some platforms and each ABI of some interpreters; raises PackError.

    Interpreters without headers are skipped, and so are starters that the directory has. Starters of older sources are
    removed.
    """
    current = f"-{_digest()}"
    for file in directory.glob("python*"):
        if not file.name.endswith(current):
            file.unlink()
    wanted: dict[Path, tuple[Interpreter, Platform]] = {}
    for each in filter(is_new_enough, interpreters):
        for platform in platforms:
            if exists_for(platform) and _has_headers(each, platform):
                wanted.setdefault(directory / _name(each, platform), (each, platform))
    missing = [file for file in wanted if not file.exists()]
    if not missing:
        return
    with tempfile.TemporaryDirectory() as scratch:
        tools = compiler.install(Path(scratch), source=INDEXES)
        for file in missing:
            interpreter, platform = wanted[file]
            _compile(interpreter, platform, tools, Path(scratch) / file.name)
            copy2(Path(scratch) / file.name, file)


def relocatable(file: Path) -> list[Region]:
    """Return where a starter names its library folder (DT_RPATH) and its dynamic loader (PT_INTERP), in this order.

    The launcher writes absolute paths there, so that a copy of the starter works in any folder. Raises OSError, and
    ValueError for a file that is not a starter.
    """
    with file.open("rb") as stream:
        try:
            elf = ELFFile(stream)
        except ELFError as error:
            raise ValueError(f"{file} is not a starter: {error}") from error
        found = [*_search_paths(elf), *_loaders(elf)]
    regions = [Region(offset=offset, size=size, text=text) for offset, size, text in found]
    if len(regions) != 2 or any(region.size != RESERVED for region in regions):
        raise ValueError(f"{file} is not a starter: it does not reserve space for two paths")
    return regions


def _target(interpreter: Interpreter) -> Platform:
    if not exists_for(interpreter.target):
        there = f"there is one for {', '.join(TARGETS)}"
        raise PackError(f"onebin has no starter for {interpreter.target or interpreter.platform}", there)
    return interpreter.target


def _name(interpreter: Interpreter, platform: Platform) -> str:
    return f"python{interpreter.minor}{interpreter.abiflags}-{platform.name}-{_digest()}"


def _digest() -> str:
    """Return the digest of everything that starters are made from, but for headers, which belong to a version."""
    shared = (compiler.source_dir() / name for name in ("printable.h", "trailer.h"))
    sources = [(file.name, sha256_of_file(file)) for file in (*_sources("**/*.[ch]"), *shared)]
    flags = [_C_FLAGS, _LINK_FLAGS, windows.C_FLAGS, windows.LINK_FLAGS, windows.SOURCES]
    inputs = [sources, compiler.REQUIREMENTS, flags, _SEARCH_PATHS, TARGETS, _LOADERS]
    return sha256_of(inputs)[:16]


def _compile(headers: Interpreter, platform: Platform, tools: compiler.Compiler, output: Path) -> None:
    """Compile the starter for a platform, which need not be that of the interpreter whose headers are used."""
    if platform.system == "windows":
        windows.compile_starter(headers, TARGETS[platform.name], tools, compiler.source_dir() / "starter", output)
        return
    target = ("-target", TARGETS[platform.name])
    loader = "/" * (RESERVED - 1 - len(_LOADERS[platform.name])) + _LOADERS[platform.name]
    # Debian's pyconfig.h includes the one of a platform by a path that begins in the folder above.
    folders = ("-isystem", headers.include, "-idirafter", headers.include.parent)
    flags = (*target, *_C_FLAGS, f'-DDYNAMIC_LOADER="{loader}"', *folders)
    objects = []
    for source in _sources("*.c"):
        objects.append(tools.scratch / f"{output.name}-{source.stem}.o")
        tools.run("cc", *flags, "-c", source, "-o", objects[-1], failure=_FAILURE)
    library = _stand_in(headers, tools, target, objects)
    search_path = f"-Wl,-rpath,{_SEARCH_PATHS[platform.libc or 'gnu']}"
    tools.run("cc", *target, *objects, library, *_LINK_FLAGS, search_path, "-o", output, failure=_FAILURE)
    with output.open("r+b") as stream:
        _prefer_search_path(stream)
    relocatable(output)


def _stand_in(headers: Interpreter, tools: compiler.Compiler, target: Sequence[str], objects: Sequence[Path]) -> Path:
    """Return a library with the name and the symbols of Python's, to link with: the real one may not be there.

    An interpreter may have headers and no shared library, and there is no library for another platform.
    """
    names = sorted({name for file in objects for name in _python_symbols(file)})
    name = f"libpython{headers.minor}{headers.abiflags}.so.1.0"
    directory = tools.scratch / objects[0].stem
    directory.mkdir()
    source, library = directory / "python.c", directory / name
    source.write_text("".join(f"void {name}(void) {{}}\n" for name in names), "utf-8")
    tools.run("cc", *target, "-shared", "-nostdlib", f"-Wl,-soname,{name}", source, "-o", library, failure=_FAILURE)
    return library


def _python_symbols(file: Path) -> list[str]:
    """Return the symbols that an object file needs from Python's library."""
    with file.open("rb") as stream:
        table = ELFFile(stream).get_section_by_name(".symtab")
        symbols = table.iter_symbols() if isinstance(table, SymbolTableSection) else ()
        undefined = [symbol.name for symbol in symbols if symbol["st_shndx"] == "SHN_UNDEF"]
    # Before glibc 2.34, dlsym is in another library, which Python's brings along.
    return [name for name in undefined if name.startswith(("Py", "_Py")) or name == "dlsym"]


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
    """Return the interpreter, or another one on this machine with the same ABI, that has headers for its platform."""
    abi = (interpreter.minor, interpreter.abiflags)
    for each in (interpreter, *installed()):
        if (each.minor, each.abiflags) == abi and _has_headers(each, _target(interpreter)):
            return each
    raise PackError(
        f"the starter for Python {interpreter.minor} cannot be compiled: no interpreter of that version has headers",
        f"install them (Debian: libpython{interpreter.minor}-dev), use a Python managed by uv (uv python install"
        f" {interpreter.minor}), or install a released onebin, which carries compiled starters",
    )


def _has_headers(interpreter: Interpreter, platform: Platform) -> bool:
    """Return whether an interpreter has headers that serve for a platform; Debian's serve only for their own."""
    if not (interpreter.include / "Python.h").is_file():
        return False
    config = interpreter.include / "pyconfig.h"
    return platform == interpreter.target or "-linux-gnu/" not in config.read_text("utf-8", errors="replace")


def _sources(pattern: str) -> list[Path]:
    return sorted((compiler.source_dir() / "starter").glob(pattern))

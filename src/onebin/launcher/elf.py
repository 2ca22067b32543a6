"""Compile the starter for Linux: an ELF program in which the paths of its libraries and its loader can be written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from elftools.common.exceptions import ELFError
from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection
from elftools.elf.segments import InterpSegment

from onebin.launcher import compiler

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path
    from typing import IO

    from onebin.platforms import Platform
    from onebin.python import Interpreter

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

FAILURE = "the starter does not compile"
_RPATH = 15  # the tag DT_RPATH of the dynamic section


@dataclass(frozen=True, kw_only=True)
class Region:
    """A part of a file that holds a path, padded to a fixed size: its offset, size in bytes, and text."""

    offset: int
    size: int
    text: str


def build(headers: Interpreter, platform: Platform, triple: str, tools: compiler.Compiler, output: Path) -> None:
    """Compile the starter for a platform, which need not be that of the interpreter whose headers are used."""
    target = ("-target", triple)
    loader = str(platform.loader).rjust(RESERVED - 1, "/")
    # Debian's pyconfig.h includes the one of a platform by a path that begins in the folder above.
    folders = ("-isystem", headers.include, "-idirafter", headers.include.parent)
    own = f"-I{compiler.source_dir() / 'starter' / 'posix'}"
    flags = (*target, *_C_FLAGS, f'-DDYNAMIC_LOADER="{loader}"', own, *folders)
    sources = compiler.starter_sources("posix")
    objects = [tools.compile(source, *flags, prefix=output.name, failure=FAILURE) for source in sources]
    library = _stand_in(headers, tools, target, objects)
    search_path = f"-Wl,-rpath,{_SEARCH_PATHS[platform.libc or 'gnu']}"
    tools.run("cc", *target, *objects, library, *_LINK_FLAGS, search_path, "-o", output, failure=FAILURE)
    with output.open("r+b") as stream:
        _prefer_search_path(stream)
    relocatable(output)


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
    tools.run("cc", *target, "-shared", "-nostdlib", f"-Wl,-soname,{name}", source, "-o", library, failure=FAILURE)
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

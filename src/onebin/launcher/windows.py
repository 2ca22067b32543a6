"""Compile the starter for Windows: a program that is linked to Python's DLL, which need not be here.

Python's headers may come from an interpreter of another system: a configuration of onebin's own takes the place of
theirs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from onebin.launcher.compiler import Compiler
    from onebin.python import Interpreter

# What is the same on every system, and what is for Windows.
SOURCES = ("archive.c", "finder.c", "patterns.c", "windows/files.c", "windows/main.c", "windows/program.c")
C_FLAGS = ("-O2", "-std=c11", "-municode", "-Wall", "-Wextra", "-Werror")
LINK_FLAGS = ("-municode", "-s")

_IMPORTED = "__imp_"
_FAILURE = "the starter does not compile"


def compile_starter(headers: Interpreter, target: str, tools: Compiler, sources: Path, output: Path) -> None:
    """Compile the starter with an interpreter's headers; raises PackError. `target` is Zig's name for the platform."""
    flags = ("-target", target, *C_FLAGS, "-include", sources / "windows" / "config.h", "-isystem", headers.include)
    objects = []
    for source in SOURCES:
        objects.append(tools.scratch / f"{output.name}-{source.replace('/', '-')}.o")
        tools.run("cc", *flags, "-c", sources / source, "-o", objects[-1], failure=_FAILURE)
    library = _import_library(headers, tools, objects)
    tools.run("cc", "-target", target, *objects, library, *LINK_FLAGS, "-o", output, failure=_FAILURE)


def _import_library(headers: Interpreter, tools: Compiler, objects: Sequence[Path]) -> Path:
    """Return a library that says which symbols come from Python's DLL."""
    names = sorted({name for file in objects for name in _python_symbols(file)})
    stem = f"python{headers.minor.replace('.', '')}{headers.abiflags}"
    definition, library = tools.scratch / f"{stem}.def", tools.scratch / f"lib{stem}.a"
    definition.write_text("".join(f"{line}\n" for line in (f"LIBRARY {stem}.dll", "EXPORTS", *names)), "utf-8")
    tools.run("dlltool", "-m", "i386:x86-64", "-d", definition, "-l", library, failure=_FAILURE)
    return library


def _python_symbols(file: Path) -> Iterator[str]:
    """Yield the symbols that an object file imports from Python's DLL."""
    import lief  # noqa: PLC0415  # slow to load, and rarely used

    found = lief.COFF.parse(str(file))
    for symbol in () if found is None else found.symbols:
        name = str(symbol.name).removeprefix(_IMPORTED)
        if str(symbol.name).startswith(_IMPORTED) and name.startswith(("Py", "_Py")):
            yield name

"""Compile the starter for macOS: a program that finds Python's library from where it is, through links, too.

macOS ends a process on Apple's processors whose file was changed after it was signed. So nothing is written into this
program when it is unpacked, and a copy of it in another folder does not find the library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from onebin.launcher import compiler

if TYPE_CHECKING:
    from pathlib import Path

    from onebin.platforms import Platform
    from onebin.python import Interpreter

FAILURE = "the starter does not compile"

_C_FLAGS = (
    *("-O2", "-std=c11", "-D_DARWIN_C_SOURCE", "-Wall", "-Wextra", "-Werror", "-fPIE", "-fvisibility=hidden"),
    "-Wno-macro-redefined",  # Python's headers for Linux define what macOS's headers ask
)
# The library is found from both places of the starter: python/bin, and bin, which has links to it.
_LINK_FLAGS = (
    *("-s", "-Wl,-undefined,dynamic_lookup", "-Wl,-headerpad_max_install_names"),
    *("-Wl,-rpath,@executable_path/../lib", "-Wl,-rpath,@executable_path/../python/lib"),
)


def build(headers: Interpreter, _: Platform, triple: str, tools: compiler.Compiler, output: Path) -> None:
    """Compile the starter for macOS, with the headers of an interpreter for any system like Unix."""
    target, own = ("-target", triple), compiler.source_dir() / "starter" / "posix"
    flags = (*target, *_C_FLAGS, f"-I{own}", "-isystem", headers.include)
    sources = compiler.starter_sources("posix")
    objects = [tools.compile(source, *flags, prefix=output.name, failure=FAILURE) for source in sources]
    name = f"libpython{headers.minor}{headers.abiflags}.dylib"
    stand_in, library = tools.scratch / f"{output.name}.c", tools.scratch / name
    stand_in.write_text("void Py_RunMain(void) {}\n", "utf-8")
    tools.run("cc", *target, "-shared", f"-Wl,-install_name,@rpath/{name}", stand_in, "-o", library, failure=FAILURE)
    tools.run("cc", *target, *objects, library, *_LINK_FLAGS, "-o", output, failure=FAILURE)

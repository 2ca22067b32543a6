"""Compile the starter for Windows: a PE program that finds Python's library itself.

Windows looks for a program's libraries beside it, but the interpreter of an environment is in another folder than
Python's library. So the starter does not import it. The compiler reaches what a library exports through variables,
`__imp_NAME` (Microsoft's PE format, "import address table"); here these are defined in a table, which the starter fills
when it has loaded the library.
"""

from __future__ import annotations

import shutil
import struct
from typing import TYPE_CHECKING

from onebin.launcher import compiler

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from typing import BinaryIO

    from onebin.platforms import Platform
    from onebin.python import Interpreter

FAILURE = "the starter does not compile"
_C_FLAGS = ("-O2", "-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-municode")
_LINK_FLAGS = ("-municode", "-s")
_IMPORTED = "__imp_"
_HEADER_OFFSET = 0x3C  # where a PE file says where its header is
_FILE_HEADER = struct.Struct("<HHIIIHH")  # IMAGE_FILE_HEADER
_SUBSYSTEM_OFFSET = 68  # in IMAGE_OPTIONAL_HEADER32 and 64
_WINDOWS, _CONSOLE = b"\2\0", b"\3\0"  # IMAGE_SUBSYSTEM_WINDOWS_GUI, _CUI
_SYMBOL = struct.Struct("<8sIhHBB")  # IMAGE_SYMBOL


def build(headers: Interpreter, _: Platform, triple: str, tools: compiler.Compiler, output: Path) -> None:
    """Compile the starter with the headers of an interpreter for any platform."""
    target, own = ("-target", triple), compiler.source_dir() / "starter" / "windows"
    free_threaded = ("-DPy_GIL_DISABLED=1",) if "t" in headers.abiflags else ()
    flags = (*target, *_C_FLAGS, *free_threaded, f"-I{own}", "-isystem", _headers(headers, own, tools, output))
    sources = compiler.starter_sources("windows")
    objects = [tools.compile(source, *flags, prefix=output.name, failure=FAILURE) for source in sources]
    table = tools.scratch / f"{output.name}-table.c"
    table.write_text(_table(sorted({name for file in objects for name in _python_symbols(file)})), "utf-8")
    manifest = compiler.write_manifest(tools.scratch / f"{output.name}.res")
    tools.run("cc", *target, *_LINK_FLAGS, *objects, table, manifest, "-o", output, failure=FAILURE)
    with output.open("r+b") as stream:
        _forget_time(stream)


def _forget_time(stream: BinaryIO) -> None:
    """Remove the moment of linking, which the compiler has no option for: the same sources give the same bytes."""
    stream.seek(_HEADER_OFFSET)
    header = int.from_bytes(stream.read(4), "little") + len(b"PE\0\0")
    stream.seek(header + 4)
    stream.write(bytes(4))


def windowed(program: bytes) -> bytes:
    """Return a program that Windows starts without a console: the same one with another subsystem in its header.

    Raises ValueError if it is not a program for a console.
    """
    begin = int.from_bytes(program[_HEADER_OFFSET : _HEADER_OFFSET + 4], "little")
    place = begin + len(b"PE\0\0") + _FILE_HEADER.size + _SUBSYSTEM_OFFSET
    if program[begin : begin + 4] != b"PE\0\0" or program[place : place + 2] != _CONSOLE:
        raise ValueError("not a program for a console")
    return program[:place] + _WINDOWS + program[place + 2 :]


def _headers(headers: Interpreter, own: Path, tools: compiler.Compiler, output: Path) -> Path:
    """Return a folder with Python's headers, and with what they ask about the system answered for Windows."""
    folder = tools.scratch / f"{output.name}-headers"
    shutil.copytree(headers.include, folder)
    shutil.copy2(own / "pyconfig.h", folder)
    return folder


def _table(names: Iterable[str]) -> str:
    """Return C with the variables through which the starter reaches Python's library, and lists of them."""
    variables = [f"void *{_IMPORTED}{name};" for name in names]
    listed = [f'    "{name}",' for name in names]
    addresses = [f"    &{_IMPORTED}{name}," for name in names]
    texts = ("const char *const python_names[] = {", *listed, "    0,", "};")
    return "\n".join([*variables, *texts, "void **const python_addresses[] = {", *addresses, "};", ""])


def _python_symbols(file: Path) -> list[str]:
    """Return what an object file (COFF) needs from Python's library."""
    data = file.read_bytes()
    _, _, _, start, count, _, _ = _FILE_HEADER.unpack_from(data)
    texts, names, index = start + count * _SYMBOL.size, [], 0
    while index < count:
        name, value, section, _, _, more = _SYMBOL.unpack_from(data, start + index * _SYMBOL.size)
        index += 1 + more
        if name[:4] == bytes(4):
            offset = texts + int.from_bytes(name[4:], "little")
            name = data[offset : data.index(0, offset)]
        text = name.rstrip(b"\0").decode()
        if (section, value) == (0, 0) and text.startswith((f"{_IMPORTED}Py", f"{_IMPORTED}_Py")):
            names.append(text.removeprefix(_IMPORTED))
    return names

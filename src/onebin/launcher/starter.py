"""The starter: the program that is `python` in an unpacked installation.

Given an interpreter, returns the file of the compiled starter for its minor version and ABI. A released onebin includes
starters. Otherwise one is compiled once, into the cache, with the headers of an interpreter of that version.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from shutil import copy2
from typing import TYPE_CHECKING, TypeGuard

from onebin.errors import PackError, os_errors
from onebin.launcher import compiler, elf, macho, pe
from onebin.platforms import PLATFORMS
from onebin.python import INDEXES, PackageSource, installed, is_new_enough
from onebin.system import sha256_of, sha256_of_file, tell

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from types import ModuleType

    from onebin.cache import Cache
    from onebin.platforms import Platform
    from onebin.python import Interpreter

KIND = "launchers"

# What the launcher writes into a starter for Linux when it unpacks it.
RESERVED = elf.RESERVED
relocatable = elf.relocatable

# The platforms that have a starter, with Zig's names for them. The oldest glibc in use keeps the starter from needing a
# newer one than the interpreter does.
TARGETS = {
    "linux-x86_64": "x86_64-linux-gnu.2.17",
    "linux-aarch64": "aarch64-linux-gnu.2.17",
    "linux-x86_64-musl": "x86_64-linux-musl",
    "linux-aarch64-musl": "aarch64-linux-musl",
    "windows-x86_64": "x86_64-windows-gnu",
    "macos-arm64": "aarch64-macos.11.0",
    "macos-x86_64": "x86_64-macos.10.15",
}


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
    current = {f"-{_digest(PLATFORMS[name])}" for name in TARGETS}
    for file in directory.glob("python*"):
        if not file.name.endswith(tuple(current)):
            file.unlink()
    wanted: dict[Path, tuple[Interpreter, Platform]] = {}
    for each in filter(is_new_enough, interpreters):
        for platform in platforms:
            if platform.name in TARGETS and _has_headers(each, platform):
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


def _target(interpreter: Interpreter) -> Platform:
    if not exists_for(interpreter.target):
        there = f"there is one for {', '.join(TARGETS)}"
        raise PackError(f"onebin has no starter for {interpreter.target or interpreter.platform}", there)
    return interpreter.target


def _name(interpreter: Interpreter, platform: Platform) -> str:
    return f"python{interpreter.minor}{interpreter.abiflags}-{platform.name}-{_digest(platform)}"


def _digest(platform: Platform) -> str:
    """Return the digest of everything that a starter is made from, but for headers, which belong to a version."""
    system = "windows" if platform.system == "windows" else "posix"
    top = compiler.source_dir()
    shared = [top / name for name in ("content.h", "printable.h", "trailer.h", "windows/program.manifest")]
    builder = Path(str(_builder(platform).__file__))
    files = (*compiler.starter_sources(system, "*.[ch]"), *shared, builder)
    return sha256_of(
        [[(file.name, sha256_of_file(file)) for file in files], compiler.REQUIREMENTS, TARGETS[platform.name]]
    )[:16]


def _builder(platform: Platform) -> ModuleType:
    """Return the module that compiles starters in the form that the programs of a system have."""
    return {"linux": elf, "windows": pe, "macos": macho}[platform.system]


def _compile(headers: Interpreter, platform: Platform, tools: compiler.Compiler, output: Path) -> None:
    _builder(platform).build(headers, platform, TARGETS[platform.name], tools, output)


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
    if platform.system == "windows":
        return True  # that answers of its own take the place of pyconfig.h
    return platform == interpreter.target or "-linux-gnu/" not in config.read_text("utf-8", errors="replace")

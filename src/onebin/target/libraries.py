"""Find the shared libraries that the files of a bundle need, for a platform other than this machine's.

Takes the files by place, and the interpreter; returns the libraries to add, which come from the interpreter's own tree
and from nowhere else, and a finding for each that is not there. Libraries of the operating system are left alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from onebin import macho
from onebin.errors import Finding
from onebin.system import count
from onebin.target.binary import Binary, exports, needs_of
from onebin.target.libc import is_of_glibc

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from onebin.platforms import Platform
    from onebin.python import Interpreter

_MUSL = ("libc.so", "libc.musl-", "ld-musl-")
# Graphics drivers bring these with them.
_DRIVERS = (
    *("libGL.so", "libEGL.so", "libGLX.so", "libOpenGL.so", "libGLdispatch.so", "libdrm", "libvulkan.so"),
    *("libcuda.so", "libnvidia-"),
)
_WINDOWS = ("api-ms-", "ext-ms-", "nvcuda", "opencl", "vulkan-")
_PROGRAMS = "bin/"
_SHOWN = 3
_REMEDIES = {
    "linux": "add the package that has it to the folder in [bundle.interpreters], or lock a version with another wheel",
    "windows": "put it beside python.exe in the folder in [bundle.interpreters], or lock a version whose wheel has it",
    "macos": "put it in lib/ of the folder in [bundle.interpreters], or lock a version whose wheel has it",
}


@dataclass(frozen=True, kw_only=True)
class Resolved:
    """The libraries to add, by the names that they are needed by, and what is missing or for another platform."""

    found: Mapping[str, Path]
    findings: tuple[Finding, ...]


class _Need(NamedTuple):
    """A library that a file needs, by its place; perhaps because another library needs it that the file needs."""

    library: str
    place: str
    between: str | None = None

    def __str__(self) -> str:
        return self.place if self.between is None else f"{self.between} (for {self.place})"


def resolve_libraries(files: Mapping[str, Path], interpreter: Interpreter) -> Resolved:
    """Return the libraries that files need, by place, and those that these need in turn; raises OSError.

    The interpreter must be for a platform (`target`).
    """
    platform = interpreter.target
    if platform is None:
        raise ValueError(f"{interpreter.executable} is for no platform that has a name")
    read = {place: binary for place, file in files.items() if (binary := needs_of(file)) is not None}
    fitting = {place: binary for place, binary in read.items() if _fits(binary, platform)}
    provided = {_key(PurePosixPath(place).name, platform) for place in fitting}
    own = _tree_of(interpreter)
    found: dict[str, Path] = {}
    missing: dict[str, list[str]] = {}
    waiting = [_Need(name, place) for place, binary in sorted(fitting.items()) for name in binary.libraries]
    while waiting:
        need = waiting.pop(0)
        name = _name_of(need.library)
        if _is_of_system(need.library, platform) or _key(name, platform) in provided:
            continue
        library = _library(own, name, platform)
        if library is None:
            missing.setdefault(need.library, []).append(str(need))
            continue
        provided.add(_key(name, platform))
        found[name], binary = library
        waiting += [_Need(each, need.place, name) for each in binary.libraries]
    others = {place: binary for place, binary in read.items() if place not in fitting}
    damaged = [place for place in sorted(files) if place not in read and place.endswith(interpreter.suffixes[:1])]
    findings = [_damaged(place, platform) for place in damaged]
    findings += [_missing(name, needing, platform) for name, needing in sorted(missing.items())]
    findings += _of_others(others, files, interpreter, platform)
    return Resolved(found=found, findings=tuple(findings))


def _fits(binary: Binary, platform: Platform) -> bool:
    return binary.system == platform.system and platform.machine in binary.machines


def _key(name: str, platform: Platform) -> str:
    """Return a library's name in a form that can be compared: on Windows, names are not case-sensitive."""
    return name.lower() if platform.system == "windows" else name


def _name_of(wanted: str) -> str:
    """Return the name of a library's file: on macOS, it is needed by its path, "@rpath/..." or where it was built."""
    return wanted.rpartition("/")[2]


def _is_of_system(wanted: str, platform: Platform) -> bool:
    if platform.system == "macos":
        return macho.is_of_system(wanted)
    if platform.system == "windows":
        name = wanted.lower()
        return name.startswith(_WINDOWS) or name.removesuffix(".dll").removesuffix(".drv") in _windows()
    is_of_libc = wanted.startswith(_MUSL) if platform.libc == "musl" else is_of_glibc(wanted)
    return is_of_libc or wanted.startswith(_DRIVERS)


@cache
def _windows() -> frozenset[str]:
    """Return the names of the libraries of Windows."""
    lines = Path(__file__).with_name("windows.txt").read_text("utf-8").splitlines()
    return frozenset(line for line in lines if not line.startswith("#"))


def _tree_of(interpreter: Interpreter) -> dict[str, list[Path]]:
    """Return the files in the interpreter's folders of libraries, by name, in the order in which they are looked at."""
    found: dict[str, list[Path]] = {}
    assert interpreter.target is not None  # noqa: S101  # whoever calls has seen to it
    for folder in dict.fromkeys(_folders(interpreter)):
        for file in sorted(folder.iterdir()) if folder.is_dir() else ():
            found.setdefault(_key(file.name, interpreter.target), []).append(file)
    return found


def _folders(interpreter: Interpreter) -> Iterator[Path]:
    """Yield the folders in which an interpreter's loader would look, as far as they are its own."""
    if interpreter.library is not None:
        yield interpreter.library.parent
    yield interpreter.prefix
    yield from interpreter.stdlib[1:]
    root = interpreter.root or interpreter.prefix
    for top in dict.fromkeys((interpreter.prefix, root, root / "usr", root / "usr" / "local")):
        for name in ("lib", "lib64"):
            yield top / name
            yield from sorted(place for place in (top / name).glob("*-linux-*") if place.is_dir())


def _library(own: Mapping[str, list[Path]], name: str, platform: Platform) -> tuple[Path, Binary] | None:
    """Return the first library of a name that is for the platform, and what it needs."""
    for file in own.get(_key(name, platform), ()):
        if file.is_file() and (binary := needs_of(file)) is not None and _fits(binary, platform):
            return file, binary
    return None


def _missing(name: str, needing: list[str], platform: Platform) -> Finding:
    more = f" and {count(len(needing) - _SHOWN, 'other')}" if len(needing) > _SHOWN else ""
    return Finding(
        name,
        f"needed on {platform} by {', '.join(needing[:_SHOWN])}{more}, and not among the interpreter's libraries",
        _REMEDIES[platform.system],
    )


def _damaged(place: str, platform: Platform) -> Finding:
    """Return the finding for what is called an extension module, and is no library at all."""
    message = f"is not a library for {platform}, nor for any other: it is empty or damaged"
    return Finding(place, message, "get it again, or exclude it")


def _of_others(
    others: Mapping[str, Binary], files: Mapping[str, Path], interpreter: Interpreter, platform: Platform
) -> Iterator[Finding]:
    """Yield a finding for each program and extension module that cannot be used on the platform.

    Wheels may have files for other systems as data, or one module for several: these are nothing to find fault with.
    """
    modules = {_module_of(place) for place in files if place not in others and place.endswith(interpreter.suffixes)}
    for place, binary in sorted(others.items()):
        is_program = place.startswith(_PROGRAMS)
        if is_program or (_module_of(place) not in modules and exports(files[place], _init_of(place))):
            have = ", ".join(f"{binary.system}-{machine}" for machine in binary.machines)
            message = f"is for {have}, and not for {platform}"
            yield Finding(place, message, f"lock a version with a wheel for {platform}, or exclude it")


def _module_of(place: str) -> str:
    """Return the place of an extension module without its suffixes."""
    path = PurePosixPath(place)
    return str(path.with_name(path.name.partition(".")[0]))


def _init_of(place: str) -> str:
    """Return the name of the function by which an extension module is initialised (PEP 489)."""
    return f"PyInit_{PurePosixPath(place).name.partition('.')[0]}"

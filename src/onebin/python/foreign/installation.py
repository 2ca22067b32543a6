"""Read the facts of an installation from its files. Nothing of it is run.

A POSIX installation keeps the variables of its build in `_sysconfigdata_*.py`, as a literal (CPython's sysconfig). One
for Windows has fixed places and names. The version is a text in the library, the modules inside it are in a table.
"""

from __future__ import annotations

import ast
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from onebin.errors import InterpreterError
from onebin.platforms import PLATFORMS, Platform
from onebin.python.interpreter import Interpreter
from onebin.system import sha256_of, sha256_of_entry

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from onebin.python.foreign.places import Place

# Of no effect on an artifact: what others have installed, and what Python writes beside sources.
_SKIPPED = frozenset({"__pycache__", "site-packages", "dist-packages"})
_SYSTEMS = {"linux": "Linux", "macos": "Darwin", "windows": "Windows"}
_SYS_PLATFORMS = {"linux": "linux", "macos": "darwin", "windows": "win32"}


@dataclass(frozen=True, kw_only=True)
class Installed:
    """The facts of an installation; see `Interpreter` for what they mean.

    `platforms` are names: a universal program of macOS is for two. `macos` is the oldest version of macOS that it runs
    on. `digest` is that of all files.
    """

    executable: Path
    prefix: Path
    root: Path
    version: str
    platforms: tuple[str, ...]
    macos: str
    library: Path | None
    abiflags: str
    include: Path
    stdlib: tuple[Path, ...]
    suffixes: tuple[str, ...]
    built_in: tuple[str, ...]
    digest: str


def read(place: Place) -> Installed:
    """Return the facts of an installation; raises InterpreterError if it is incomplete, and OSError."""
    from onebin.python.foreign.program import read_program  # noqa: PLC0415  # slow to load, and facts are cached

    stdlib = _windows_library(place) if place.is_windows else (_stdlib(place), _stdlib(place) / "lib-dynload")
    values = {} if place.is_windows else _build_variables(place)
    library = _dll(place) if place.is_windows else _library(place, values)
    suffix = f".cp{place.minor.replace('.', '')}{place.abiflags}-win_amd64.pyd"
    suffix = suffix if place.is_windows else str(values.get("EXT_SUFFIX", ""))
    program = read_program(place.executable, is_musl="-musl" in suffix)
    inside = None if library is None else read_program(library, is_musl="-musl" in suffix)
    if program is None:
        raise InterpreterError(f"{place.executable} is not a program", _REMEDY)
    return Installed(
        executable=place.executable,
        prefix=place.prefix,
        root=place.root,
        version=_version(library or place.executable, place.minor),
        platforms=program.platforms,
        macos=str(values.get("MACOSX_DEPLOYMENT_TARGET", "")),
        library=library,
        abiflags=place.abiflags,
        include=_named(place.prefix, "include") if place.is_windows else _include(place),
        stdlib=stdlib,
        suffixes=_suffixes(suffix, place),
        built_in=(inside or program).built_in,
        digest=sha256_of([[name, sha256_of_entry(file)] for name, file in files_of(place.root)]),
    )


def interpreter_of(found: Installed, platform: Platform, builder: Path) -> Interpreter:
    """Return an installation as the interpreter of one of its platforms, with the one that compiles for it."""
    return Interpreter(
        executable=found.executable,
        version=found.version,
        implementation="CPython",
        build=found.digest,
        platform=_tag(found, platform),
        library=found.library,
        prefix=found.prefix,
        abiflags=found.abiflags,
        include=found.include,
        stdlib=found.stdlib,
        suffixes=found.suffixes,
        built_in=found.built_in,
        markers=_markers(found.version, platform),
        target=platform,
        builder=builder,
        root=found.root,
    )


def state_of(root: Path) -> str:
    """Return a digest that is another one after a file below a folder was changed, added or removed; raises OSError."""
    return sha256_of([[name, *_state(file)] for name, file in files_of(root)])


def files_of(root: Path) -> Iterator[tuple[str, Path]]:
    """Yield the files and links that an artifact may depend on, by their POSIX paths below a folder."""
    for folder, inner, names in os.walk(root):
        linked = [name for name in inner if os.path.islink(os.path.join(folder, name))]  # noqa: PTH114, PTH118  # much faster with strings
        inner[:] = sorted(name for name in inner if name not in _SKIPPED)
        for name in sorted([*names, *linked]):
            file = Path(folder, name)
            if file.is_symlink() or file.is_file():
                yield file.relative_to(root).as_posix(), file


_REMEDY = "give a complete installation in [bundle.interpreters]: program, shared library and standard library"


def _state(file: Path) -> tuple[int, int]:
    status = file.lstat()
    return status.st_size, status.st_mtime_ns


def _build_variables(place: Place) -> Mapping[str, Any]:
    """Return the variables that the interpreter was built with, as `sysconfig.get_config_vars` has them."""
    for file in sorted(_stdlib(place).glob(f"_sysconfigdata_{place.abiflags}_*.py")):
        with suppress(OSError, ValueError, SyntaxError):
            for node in ast.parse(file.read_text("utf-8")).body:
                if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "build_time_vars":
                    return {**ast.literal_eval(node.value)}
    raise InterpreterError(f"{_stdlib(place)} has no _sysconfigdata_{place.abiflags}_*.py that can be read", _REMEDY)


def _stdlib(place: Place) -> Path:
    """Return the folder of the standard library; some systems call the one above it lib64."""
    name = f"python{place.minor}{place.abiflags.replace('d', '')}"
    places = [place.prefix / lib / name for lib in ("lib", "lib64")]
    found = next((each for each in places if (each / "os.py").is_file()), None)
    if found is None:
        raise InterpreterError(f"{places[0]} has no standard library", _REMEDY)
    return found


def _library(place: Place, values: Mapping[str, Any]) -> Path | None:
    """Return the shared library, if the interpreter was built with one."""
    if not values.get("Py_ENABLE_SHARED"):
        return None
    built_for = PurePosixPath(str(values.get("LIBDIR", "")).lstrip("/"))
    folders = [
        place.prefix / "lib",
        place.prefix / "lib64",
        place.root / built_for,
        place.root / built_for / str(values.get("MULTIARCH") or ""),
    ]
    names = [str(values[name]) for name in ("INSTSONAME", "LDLIBRARY") if values.get(name)]
    files = [folder / name for folder in folders for name in names if not name.endswith(".a")]
    return next((file for file in files if file.is_file()), None)


def _include(place: Place) -> Path:
    return place.prefix / "include" / f"python{place.minor}{place.abiflags}"


def _dll(place: Place) -> Path | None:
    file = _named(place.prefix, f"python{place.minor.replace('.', '')}{place.abiflags}.dll")
    return file if file.is_file() else None


def _windows_library(place: Place) -> tuple[Path, Path]:
    library = _named(place.prefix, "Lib")
    if not any((library / name).is_file() for name in ("os.py", "os.pyc")):
        raise InterpreterError(f"{library} has no standard library", _REMEDY)
    return library, _named(place.prefix, "DLLs")


def _named(folder: Path, name: str) -> Path:
    """Return the path of an entry, whose name may have other capital letters there: Windows does not mind."""
    found = (each for each in folder.iterdir() if each.name.lower() == name.lower())
    return next(found, folder / name)


def _version(file: Path, minor: str) -> str:
    """Return the version, such as "3.12.1", which is a text in the library (PY_VERSION)."""
    pattern = rb"(?<![\w.])%b\.\d+(?:(?:a|b|rc)\d+)?(?=\+?\0)" % re.escape(minor.encode())
    found: set[bytes] = set(re.findall(pattern, file.read_bytes()))
    if len(found) != 1:
        raise InterpreterError(f"{file} does not say which Python {minor} it is", _REMEDY)
    return str(found.pop(), "ascii")


def _suffixes(first: str, place: Place) -> tuple[str, ...]:
    """Return the suffixes of extension modules; a free-threaded build has no stable ABI (CPython, dynload_shlib.c)."""
    if place.is_windows:
        return first, ".pyd"
    stable = () if "t" in place.abiflags else (".abi3.so",)
    return first, *stable, ".so"


def _tag(found: Installed, platform: Platform) -> str:
    """Return what `sysconfig.get_platform` would."""
    if platform.system != "macos":
        return platform.tag
    machine = "universal2" if len(found.platforms) > 1 else platform.tag.rpartition("-")[2]
    return f"macosx-{found.macos}-{machine}"


def _markers(version: str, platform: Platform) -> dict[str, str]:
    """Return the environment markers (PEP 508); those of the kernel are empty, as it is not known."""
    machine = {"windows": "AMD64", "macos": platform.tag.rpartition("-")[2]}.get(platform.system, platform.machine)
    return {
        "os_name": "nt" if platform.system == "windows" else "posix",
        "sys_platform": _SYS_PLATFORMS[platform.system],
        "platform_machine": machine,
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": _SYSTEMS[platform.system],
        "platform_version": "",
        "python_version": ".".join(version.split(".")[:2]),
        "python_full_version": version,
        "implementation_name": "cpython",
        "implementation_version": version,
    }


def platforms_of(found: Installed) -> tuple[Platform, ...]:
    """Return the platforms that an installation is for."""
    return tuple(PLATFORMS[name] for name in found.platforms)

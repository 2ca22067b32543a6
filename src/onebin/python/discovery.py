"""Find the Python to freeze, and ask it for its facts.

uv does the search (its managed interpreters, PATH, the Windows registry). pyenv's versions are added to PATH for it,
because pyenv's shims only answer for the active version.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from onebin.errors import InterpreterError, ProcessError
from onebin.platforms import Platform, platform_of
from onebin.python import uv
from onebin.python.interpreter import Interpreter
from onebin.system import environment, run, sha256_of, state_of_program

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onebin.cache import Cache

OLDEST = (3, 10)

_KIND = "interpreters"
_FORMAT = 4  # of its entries

# The interpreter runs this itself, so it must work on any Python 3. PyInstaller needs a shared libpython on POSIX.
_QUESTION = """
import importlib.machinery, json, os, platform, sys, sysconfig
version = platform.python_version().rstrip("+")
own = sys.implementation
kind = own.version.releaselevel
var = sysconfig.get_config_var
names = [n for n in (var("INSTSONAME"), var("LDLIBRARY")) if n and ".a" not in n[-2:]]
places = [var("LIBDIR"), os.path.join(var("LIBDIR") or "", var("MULTIARCH") or ""), sys.base_prefix,
          os.path.join(sys.base_prefix, "lib"), var("PYTHONFRAMEWORKPREFIX")]
files = [os.path.join(p, n) for p in places if p for n in names]
shared = var("Py_ENABLE_SHARED") or var("PYTHONFRAMEWORK")
library = next((f for f in files if shared and os.path.exists(f)), None)
if sys.platform == "win32":
    library = os.path.join(sys.base_prefix, "python%d%d.dll" % sys.version_info[:2])
# Not that of the environment, if this is the interpreter of one.
own_library = sysconfig.get_path("platstdlib", vars={"platbase": sys.base_exec_prefix}) + "/lib-dynload"
if sys.platform == "win32":
    own_library = os.path.join(sys.base_exec_prefix, "DLLs")
print(json.dumps({
    "executable": os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable),
    "version": version,
    "implementation": platform.python_implementation(),
    "build": sys.version,
    "platform": sysconfig.get_platform(),
    "library": library,
    "prefix": os.path.realpath(sys.base_prefix),
    "abiflags": getattr(sys, "abiflags", ""),
    "include": sysconfig.get_path("include"),
    "stdlib": [sysconfig.get_path("stdlib"), own_library],
    "suffixes": importlib.machinery.EXTENSION_SUFFIXES,
    "built_in": sys.builtin_module_names,
    "markers": {
        "os_name": os.name,
        "sys_platform": sys.platform,
        "platform_machine": platform.machine(),
        "platform_python_implementation": platform.python_implementation(),
        "platform_release": platform.release(),
        "platform_system": platform.system(),
        "platform_version": platform.version(),
        "python_version": ".".join(platform.python_version_tuple()[:2]),
        "python_full_version": version,
        "implementation_name": own.name,
        "implementation_version": "%d.%d.%d" % own.version[:3]
        + ("" if kind == "final" else kind[0] + str(own.version.serial)),
    },
}))
"""


def find(wanted: str | None, directory: Path, cache: Cache | None = None) -> Interpreter:
    """Return the interpreter for `[bundle] python`: a version, a path, or None for the one that runs onebin.

    For a version, the one that runs onebin comes first, if it has that version and can be frozen. Relative paths start
    at `directory`, the manifest's. With a cache, an executable that has not changed is not asked again. Raises
    InterpreterError if it is not found, is too old or cannot be frozen.
    """
    own = Path(getattr(sys, "_base_executable", sys.executable))
    if wanted and f"{platform.python_version()}.".startswith(f"{wanted}."):
        found = ask(own, cache)
        if found.implementation == "CPython" and found.library is not None:
            return found
    found = ask(_search(wanted, directory) if wanted else own, cache)
    check_usable(found, wanted or "the Python that runs onebin")
    return found


def ask(executable: Path, cache: Cache | None = None) -> Interpreter:
    """Return the facts of one interpreter; raises InterpreterError if it is not a working Python."""
    key = None if cache is None else _state(executable)
    if cache is None or key is None:
        return _read(_answer(executable), executable)

    def make() -> str:
        answer = _answer(executable)
        _read(answer, executable)  # only a valid answer is cached
        return answer

    try:
        return _read(cache.text(_KIND, key, make), executable)
    except (OSError, ValueError, InterpreterError):  # the cache is read-only or damaged
        return _read(_answer(executable), executable)


def _state(executable: Path) -> str | None:
    """Return the digest of everything that an interpreter's answer depends on, or None if that is not known."""
    program = state_of_program(executable)
    return None if program is None else sha256_of([_FORMAT, _QUESTION, program, list(platform.uname())])


def _answer(executable: Path) -> str:
    try:
        return run([executable, "-I", "-c", _QUESTION], env=environment(), timeout=60).stdout
    except ProcessError as error:
        raise InterpreterError(f"cannot run the interpreter {executable}: {error.tail}", error.hint) from error


def _read(answer: str, executable: Path) -> Interpreter:
    try:
        facts = json.loads(answer)
        library = facts["library"]
        return Interpreter(
            executable=Path(facts["executable"]),
            version=facts["version"],
            implementation=facts["implementation"],
            build=facts["build"],
            platform=facts["platform"],
            library=Path(library) if library else None,
            prefix=Path(facts["prefix"]),
            abiflags=facts["abiflags"],
            include=Path(facts["include"]),
            stdlib=tuple(Path(place) for place in facts["stdlib"]),
            suffixes=tuple(facts["suffixes"]),
            built_in=tuple(facts["built_in"]),
            target=_platform(facts["platform"], facts["suffixes"]),
            builder=Path(facts["executable"]),
            markers={name: str(value) for name, value in facts["markers"].items()},
        )
    except (ValueError, KeyError, TypeError) as error:
        hint = "set another Python in [bundle] python; `onebin doctor` lists those found"
        raise InterpreterError(f"{executable} is not a working Python", hint) from error


def _platform(tag: str, suffixes: Sequence[str]) -> Platform | None:
    """Return the platform of an interpreter by its tag and its suffixes, which name the C library; None if unnamed."""
    return platform_of(tag, "musl" if "-musl" in suffixes[0] else "gnu")


def installed() -> list[Interpreter]:
    """Return every working interpreter on this machine, newest first, each once."""
    found: dict[Path, Interpreter] = {}
    for executable in [*_pyenv_executables(), *uv.list_pythons(_search_environment())]:
        try:
            interpreter = ask(executable)
        except InterpreterError:
            continue
        found.setdefault(interpreter.executable, interpreter)
    from packaging.version import Version  # noqa: PLC0415  # slow to load, and only `onebin doctor` sorts

    return sorted(found.values(), key=lambda each: Version(each.version), reverse=True)


def is_new_enough(interpreter: Interpreter) -> bool:
    """Return whether PyInstaller and the runtime support this version."""
    return tuple(map(int, interpreter.minor.split("."))) >= OLDEST


def missing_library_hint(interpreter: Interpreter) -> str:
    """Return how to get a Python with a shared library, for the common ways to install Python."""
    return (
        f"install its shared library (Debian: libpython{interpreter.minor}; pyenv: "
        f"PYTHON_CONFIGURE_OPTS=--enable-shared), or use one managed by uv: uv python install {interpreter.minor}"
    )


def check_usable(found: Interpreter, asked: str, *, without_library: str | None = None) -> None:
    """Raise InterpreterError if an interpreter cannot be frozen; `asked` is what the message calls it.

    `without_library` is what to do about one that has no shared library, if that is not to install it here.
    """
    if found.implementation != "CPython":
        raise InterpreterError(
            f"{asked} is {found.implementation} {found.version}: only CPython can be frozen",
            "set a CPython in [bundle] python",
        )
    if not is_new_enough(found):
        oldest = ".".join(map(str, OLDEST))
        raise InterpreterError(
            f"{asked} is Python {found.version}: too old to be frozen",
            f"set {oldest} or later in [bundle] python",
        )
    if found.library is None:
        raise InterpreterError(
            f"{found.executable} (Python {found.version}) has no shared libpython, which freezing requires",
            without_library or missing_library_hint(found),
        )


def _search(wanted: str, directory: Path) -> Path:
    if os.sep in wanted or "/" in wanted:
        path = directory / Path(wanted).expanduser()
        if not path.is_file():
            raise InterpreterError(f"no such file: {wanted}", "run `onebin doctor` to list the interpreters found")
        return path
    found = uv.find_python(wanted, _search_environment())
    if found is None:
        raise InterpreterError(
            f"Python {wanted} was not found on this machine",
            f"install it (uv python install {wanted}), or run `onebin doctor` to list the interpreters found",
        )
    return found


def _search_environment() -> dict[str, str]:
    """Return an environment whose PATH has pyenv's versions instead of its shims."""
    shims = str(_pyenv_root() / "shims")
    inherited = [part for part in os.environ.get("PATH", "").split(os.pathsep) if part and part != shims]
    versions = [str(executable.parent) for executable in _pyenv_executables()]
    return environment(PATH=os.pathsep.join([*inherited, *versions]))


def _pyenv_root() -> Path:
    return Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")


def _pyenv_executables() -> list[Path]:
    name = "python.exe" if sys.platform == "win32" else "bin/python3"
    return sorted((file for file in _pyenv_root().glob(f"versions/*/{name}") if file.is_file()), reverse=True)

"""Describe the installation that a process runs in, by what must be the same in another place.

`_probe` runs this file as a script, in the stage and in the artifact. Paths are told by names: `{prefix}` for the
environment, `{stdlib}` and `{platstdlib}` for the standard library, `{base}` for the interpreter's own prefix.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import site
import subprocess
import sys
import sysconfig
import tempfile
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import Any

# Flags that depend on how this process was started, and not on the installation. The manifest sets `optimize`.
_STARTED_WITH = frozenset(
    {"isolated", "ignore_environment", "no_user_site", "safe_path", "dont_write_bytecode", "optimize"}
)
_SECONDS = 120
# In bytes. A forkserver listens on a socket in the folder for temporary files. Its path may have 103 bytes on macOS and
# 107 on Linux, and `multiprocessing` adds 32. From Python 3.14 on it chooses another folder itself.
_LONGEST_TEMPORARY = 70
_SUFFIXES = (".py", *EXTENSION_SUFFIXES)
# What a child prints about itself; the first argument is the module to look for.
_CHILD = """
import importlib.util, json, os, sys
here = os.path.realpath(sys.prefix) == os.path.realpath({prefix!r})
print(json.dumps([here, importlib.util.find_spec({module!r}) is not None, sys.argv[1:]]))
"""


def describe(asked: dict[str, Any], found_environment: dict[str, Any]) -> dict[str, Any]:
    """Return what this installation is; `found_environment` is what `environment` has returned before.

    `asked` has `excluded`, modules that may be missing; `module`, one that children look for; `methods`, the ways to
    start processes with `multiprocessing`; and `distributions`, those whose files must all be there.
    """
    excluded = asked["excluded"]
    found = [each for each in importlib.metadata.distributions() if _name(each) in asked["distributions"]]
    return {
        "environment": found_environment,
        "children": dict(children(asked["module"], asked["methods"])),
        "files": {_name(each): lacking for each in found if (lacking := sorted(missing_files(each, excluded)))},
        "modules": {_name(each): lacking for each in found if (lacking := sorted(missing_modules(each, excluded)))},
    }


def environment() -> dict[str, Any]:
    """Return the prefixes, search paths and flags of this process."""
    flags = {
        name: getattr(sys.flags, name) for name in dir(sys.flags) if not name.startswith(("_", "n_", "count", "index"))
    }
    return {
        "prefix": [_portable(path) for path in (sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix)],
        "executable": _portable(str(Path(sys.executable).parent)),
        "path": [_portable(path) for path in sys.path if path not in ("", _script_folder())],
        "paths": {name: _portable(path) for name, path in sorted(sysconfig.get_paths().items())},
        "site_packages": [_portable(path) for path in site.getsitepackages()],
        "user_site": bool(site.ENABLE_USER_SITE),
        "flags": {name: int(value) for name, value in flags.items() if name not in _STARTED_WITH},
        "encodings": [sys.getfilesystemencoding(), sys.getfilesystemencodeerrors(), sys.getdefaultencoding()],
        "frozen": [name for name in ("frozen", "_MEIPASS") if hasattr(sys, name)],
    }


def children(module: str, methods: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """Yield how each way to start an interpreter works: what the child says, or how it failed."""
    code = _CHILD.format(prefix=sys.prefix, module=module)
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "child.py")
        script.write_text(code, "utf-8")
        yield "-c", _child(["-c", code, "x"])
        yield "-m", _child(["-m", "runpy", "child"], cwd=folder)
        yield "a file", _child([str(script), "x"])
        yield "standard input", _child(["-", "x"], text=code)
        yield "-I", _child(["-I", "-c", code, "x"])
        yield "a clean environment", _child(["-c", code, "x"], env={})
    for method in methods:
        yield f"multiprocessing, {method}", _outcome(lambda method=method: _in_process(method))  # type: ignore[misc]  # bound in the loop


def _child(arguments: list[str], *, text: str = "", cwd: str | None = None, env: dict[str, str] | None = None) -> Any:
    def run() -> Any:
        done = subprocess.run(  # noqa: S603  # this interpreter, a list of arguments
            [sys.executable, *arguments],
            input=text,
            cwd=cwd,
            env=env,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        try:
            return json.loads(done.stdout)
        except ValueError:
            last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
            return f"exit code {done.returncode}: {' '.join(last)}"

    return _outcome(run)


def _in_process(method: str) -> Any:
    from multiprocessing import get_all_start_methods, get_context

    if method not in get_all_start_methods():
        return None
    if method == "forkserver" and len(os.fsencode(tempfile.gettempdir())) > _LONGEST_TEMPORARY:
        tempfile.tempdir = "/tmp"  # noqa: S108  # `multiprocessing` makes a folder of its own there
    with get_context(method).Pool(1) as pool:
        return pool.apply_async(len, ("four",)).get(_SECONDS)


def _outcome(action: Callable[[], Any]) -> Any:
    try:
        return action()
    except Exception as error:  # noqa: BLE001  # whatever it is, the other side tells whether it is the same there
        return type(error).__name__


def missing_files(distribution: importlib.metadata.Distribution, excluded: Iterable[str]) -> Iterator[str]:
    """Yield the files that a distribution has recorded and that are not there, without bytecode."""
    for name in _recorded(distribution):
        if not Path(str(distribution.locate_file(name))).exists() and not _is_excluded(_module(name) or "", excluded):
            yield name


def missing_modules(distribution: importlib.metadata.Distribution, excluded: Iterable[str]) -> Iterator[str]:
    """Yield the modules of a distribution for which the import system has no spec; nothing is imported."""
    known: dict[str, list[str] | None] = {}
    for name in _recorded(distribution):
        module = _module(name)
        if module and not _is_excluded(module, excluded) and _locations(module, known) is None:
            yield module


def _recorded(distribution: importlib.metadata.Distribution) -> list[str]:
    text = distribution.read_text("RECORD") or ""
    names = (line.rpartition(",")[0].rpartition(",")[0].strip('"') for line in text.splitlines())
    return [name for name in names if name and "__pycache__" not in name and not name.endswith(".pyc")]


def _module(name: str) -> str | None:
    """Return the module that a recorded file is, if it is one."""
    suffix = next((each for each in _SUFFIXES if name.endswith(each)), None)
    if suffix is None or ".." in name or name.startswith("/"):
        return None
    parts = name.removesuffix(suffix).removesuffix("/__init__").split("/")
    return ".".join(parts) if all(part.isidentifier() for part in parts) else None


def _locations(name: str, known: dict[str, list[str] | None]) -> list[str] | None:
    """Return where a module's submodules are, an empty list if it is not a package, or None if there is no such module.

    Each package is found through the locations of the one around it, which is not imported.
    """
    if name not in known:
        parent, _, last = name.rpartition(".")
        path = _locations(parent, known) if parent else None
        known[name] = None
        if not parent or path:
            try:
                known[name] = _found(name, path)
            except KeyError:  # a namespace package asks its parent, which is not imported
                folders = [os.path.join(folder, last) for folder in path or ()]  # noqa: PTH118  # entries of a path are text
                known[name] = [folder for folder in folders if Path(folder).is_dir()] or None
    return known[name]


def _found(name: str, path: list[str] | None) -> list[str] | None:
    """Ask the finders of the import system, in their order."""
    for finder in sys.meta_path:
        find = getattr(finder, "find_spec", None)
        spec = None if find is None else find(name, path)
        if spec is not None:
            return list(spec.submodule_search_locations or ())
    return None


def _is_excluded(module: str, excluded: Iterable[str]) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in excluded)


def _name(distribution: importlib.metadata.Distribution) -> str:
    return re.sub(r"[-_.]+", "-", distribution.metadata["Name"]).lower()


def _script_folder() -> str:
    main = getattr(sys.modules.get("__main__"), "__file__", None) or ""
    return os.path.dirname(os.path.abspath(main))  # noqa: PTH100, PTH120  # as sys.path has it


def _portable(path: str) -> str:
    """Return a path with names in place of the folders that differ from place to place."""
    named = {
        "platstdlib": sysconfig.get_path("platstdlib", vars={"platbase": sys.base_exec_prefix}),
        "stdlib": sysconfig.get_path("stdlib", vars={"base": sys.base_prefix}),
        "prefix": sys.prefix,
        "base": sys.base_prefix,
    }
    for name, folder in sorted(named.items(), key=lambda item: -len(item[1])):
        if path == folder or path.startswith(folder + os.sep):
            return f"{{{name}}}{path[len(folder) :]}"
    return path

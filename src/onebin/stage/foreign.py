"""Make an environment of the interpreter that a stage is for, if that is for another platform and can run here.

The packages are installed in an environment of the interpreter that builds. This one has the same files, and another
interpreter: what the host says in it is what it would say on the other platform.
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from onebin.python import Interpreter

# Where a root directory has shared libraries, and folders below for what programs open by its full path.
_LIBRARIES = ("lib", "lib64", "usr/lib", "usr/lib64", "python/lib")
_PLUGINS = frozenset({"site-packages", "dist-packages", "lib-dynload"})
_PYTHONS = ("python*", "activate*", "deactivate*", "pydoc.bat")


def python_in(directory: Path, interpreter: Interpreter) -> Path:
    """Return the interpreter of such an environment."""
    if _is_windows(interpreter):
        return directory / "Scripts" / "python.exe"
    return directory / "bin" / "python"


def in_wine(path: Path) -> str:
    """Return the path of a file of this machine as a program sees it under wine, which calls "/" drive Z."""
    return "Z:" + str(path).replace("/", "\\")


def make_environment(directory: Path, interpreter: Interpreter, installed: Path) -> None:
    """Create the environment beside `installed`, the one that has the packages; raises OSError.

    Both can be moved together (PEP 405).
    """
    python = python_in(directory, interpreter)
    python.parent.mkdir(parents=True)
    home = interpreter.executable.parent
    lines = [
        f"home = {in_wine(home) if _is_windows(interpreter) else home}",
        "include-system-site-packages = false",
        f"version = {interpreter.version}",
    ]
    (directory / "pyvenv.cfg").write_text("".join(f"{line}\n" for line in lines), "utf-8")
    if _is_windows(interpreter):
        (directory / "Lib").mkdir()
        _link(directory / "Lib" / "site-packages", installed / "lib" / f"python{interpreter.minor}" / "site-packages")
        for file in (interpreter.executable, *home.glob("*.dll")):
            (python.parent / file.name).symlink_to(file)
        return
    _copy_executable(interpreter, python)
    for name in ("python3", f"python{interpreter.minor}"):
        (python.parent / name).symlink_to(python.name)
    for folder in installed.iterdir():
        if folder.is_dir() and folder.name != "bin":
            _link(directory / folder.name, folder)
    for script in _scripts(installed / "bin"):
        shutil.copy2(script, python.parent / script.name)  # a script looks for the interpreter beside itself


def _copy_executable(interpreter: Interpreter, file: Path) -> None:
    """Copy an interpreter that lies in a folder, so that it finds the loader and the libraries there by itself.

    No variable then has to reach the processes that it starts.
    """
    from onebin.target import patch_elf, read_elf  # noqa: PLC0415  # slow to load, and most stages need none

    shutil.copy2(interpreter.executable, file)
    root, target = interpreter.root, interpreter.target
    if root is None or target is None or target.system != "linux" or read_elf(file) is None:
        return
    folders = sorted({each.parent for top in _LIBRARIES for each in root.glob(f"{top}/**/lib*.so*")})
    search = ":".join(str(each) for each in folders if _PLUGINS.isdisjoint(each.relative_to(root).parts))
    loader = root / str(target.loader).lstrip("/")
    options = ["--set-interpreter", str(loader)] if loader.exists() else []
    patch_elf(file, *options, "--force-rpath", "--set-rpath", search)


def _is_windows(interpreter: Interpreter) -> bool:
    return interpreter.target is not None and interpreter.target.system == "windows"


def _link(link: Path, target: Path) -> None:
    link.symlink_to(os.path.relpath(target, link.parent), target_is_directory=True)


def _scripts(folder: Path) -> Iterator[Path]:
    """Yield the files of a folder of programs that belong to distributions."""
    for file in sorted(folder.iterdir()):
        if not any(file.match(pattern) for pattern in _PYTHONS):
            yield file

"""Change the Python files that PyInstaller's bootloader runs to start a program. Standard library only.

Every change raises PatchError if it does not apply.
"""

from __future__ import annotations

import ast
import py_compile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from onebin.freeze.driver.patches import PyInstaller
    from onebin.freeze.driver.spec import Entry

_BOOTSTRAP, _CTYPES = "pyiboot01_bootstrap", "pyimod03_ctypes"
# The name in the archive of the bootloader's hooks for ctypes. `onebin_runtime._start` installs them.
_LATE_CTYPES = "onebin_late_ctypes"


def late_ctypes(folder: Path, pyinstaller: PyInstaller) -> Entry:
    """Return the bootloader's hooks for ctypes, a file in this folder, as an entry of the archive.

    The bootloader would import ctypes in every process to patch it. As a module of the archive, the hooks wait until
    ctypes is imported.
    """
    file = folder / f"{_CTYPES}.py"
    pyinstaller.require(file.is_file(), f"{file.name} among the bootloader's files")
    functions = (node for node in ast.parse(file.read_bytes()).body if isinstance(node, ast.FunctionDef))
    installers = [function for function in functions if function.name == "install"]
    pyinstaller.require(installers, f"install() in {file.name}")
    pyinstaller.require(not ast.unparse(installers[0].args), f"install() without parameters in {file.name}")
    return _LATE_CTYPES, str(file), "PYMODULE"


def changed(entries: Iterable[Entry], folder: Path, work: Path, pyinstaller: PyInstaller) -> list[Entry]:
    """Return the entries of the bootloader's files, two of them replaced by changed copies that are made in `work`."""
    entries = list(entries)
    copies = {_CTYPES: _without_ctypes(work), _BOOTSTRAP: _without_eggs(folder, work, pyinstaller)}
    for name in copies:
        pyinstaller.require(name in [entry[0] for entry in entries], f"{name} among the bootloader's modules")
    return [(name, copies.get(name, path), kind) for name, path, kind in entries]


def _without_ctypes(work: Path) -> str:
    """Compile what the bootloader finds in place of its hooks for ctypes, and return the file."""
    made = str(work / "no_ctypes.pyc")
    source = str(Path(__file__).with_name("no_ctypes.py"))
    py_compile.compile(source, made, dfile=f"{_CTYPES}.py", doraise=True)
    return made


def _without_eggs(folder: Path, work: Path, pyinstaller: PyInstaller) -> str:
    """Write a bootstrap script that does not look for eggs, and return the file.

    The original looks at each entry of the artifact's folder. No wheel becomes an egg, and plugins are many.
    """
    original, made = folder / f"{_BOOTSTRAP}.py", work / f"{_BOOTSTRAP}.py"
    pyinstaller.require(original.is_file(), f"{original.name} among the bootloader's files")
    text = original.read_text("utf-8")
    pyinstaller.require(f"{_CTYPES}.install()" in text, f"{_CTYPES}.install() in {original.name}")
    made.write_text(pyinstaller.replace(text, "os.listdir(sys._MEIPASS)", "()", file=original.name), "utf-8")
    return str(made)

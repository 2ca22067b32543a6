"""A small unpacked installation, as the starter finds it: an interpreter, an environment, code.bin and an artifact."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onebin.freeze.driver import runpath

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from onebin.python import Interpreter

TREE_SHA256 = bytes(range(32))
SCRIPT = "greet"

# Folders of the standard library that no test imports.
_LEFT_OUT = ("test", "tests", "idlelib", "lib2to3", "ensurepip", "tkinter", "turtledemo", "__pycache__", "config-3*")

# What the interpreter imports before the finder exists, so that it has .pyc files as an artifact's tree has.
_COMPILE = """
import py_compile, subprocess, sys
question = "import sys; print(*{getattr(m, '__file__', None) for m in list(sys.modules.values())}, sep=chr(10))"
done = subprocess.run([sys.argv[1], "-c", question], capture_output=True, text=True, check=True)
for file in done.stdout.splitlines():
    if file.endswith(".py"):
        py_compile.compile(file, doraise=True, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
"""

# Runs under the tree's interpreter, as the driver does under the stage's: the modules of its roots go into code.bin.
_WRITE = """
import json, os, sys
from importlib.machinery import EXTENSION_SUFFIXES
sys.path.insert(0, sys.argv[1])
import code
tree, given = sys.argv[2], json.loads(sys.argv[3])
roots = [code.Root(*root) for root in given.pop("roots")]
without, optimize = given.pop("without"), given["optimize"]
entries = []

def add(number, top, file):
    stem = next((file[:-len(end)] for end in [*EXTENSION_SUFFIXES, ".py"] if file.endswith(end)), None)
    parts = [] if stem is None else stem.split("/")
    if not parts or not all(part.isidentifier() for part in parts) or parts == ["__init__"]:
        return
    is_package = parts[-1] == "__init__"
    name = ".".join(parts[:-1] if is_package else parts)
    whole, data = os.path.join(top, file), None
    if file.endswith(".py") and name not in without:
        with open(whole, "rb") as stream:
            try:
                made = compile(stream.read(), file, "exec", dont_inherit=True, optimize=optimize)
            except (SyntaxError, UnicodeDecodeError):
                return
        import marshal
        data = marshal.dumps(made)
    entries.append(code.Entry(name, number, file, is_package, os.stat(whole).st_size, data))

for number, root in enumerate(roots):
    top = os.path.join(tree, root.path)
    for folder, folders, files in os.walk(top):
        folders[:] = sorted(name for name in folders if name.isidentifier() and name != "__pycache__")
        for file in sorted(files):
            add(number, top, os.path.relpath(os.path.join(folder, file), top))
given["tree_sha256"] = bytes.fromhex(given["tree_sha256"])
code.write(tree + "/code.bin", roots=roots, entries=entries, **given)
"""


@dataclass(frozen=True, kw_only=True)
class Tree:
    """An unpacked installation and its artifact."""

    path: Path
    minor: str
    artifact: Path

    @property
    def python(self) -> Path:
        """The interpreter of the environment, which is its sys.executable."""
        return self.path / "bin" / f"python{self.minor}"

    @property
    def library(self) -> Path:
        """The folder of the standard library."""
        return self.path / "python" / "lib" / f"python{self.minor}"

    @property
    def packages(self) -> Path:
        """The folder of the environment's distributions."""
        return self.path / "lib" / f"python{self.minor}" / "site-packages"

    def run(self, *arguments: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
        """Run the environment's interpreter, and check that it succeeds."""
        return run([self.python, *arguments], **env)

    def program(self, *arguments: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
        """Run the program as the launcher does, and check that it succeeds."""
        return run([self.python, self.artifact, *arguments], **env)

    def ask(self, code: str, **env: str) -> Any:
        """Return what Python code in the environment's interpreter prints as JSON."""
        return json.loads(self.run("-c", code, **env).stdout)


def run(command: Sequence[str | Path], **env: str) -> subprocess.CompletedProcess[str]:
    """Run a command with some variables of the environment, and check that it succeeds."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    done = subprocess.run(command, env=inherited | env, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done


def make_base(interpreter: Interpreter, starter: Path, path: Path) -> None:
    """Make the interpreter of a tree from an installed one, which must have a shared library."""
    version = f"python{interpreter.minor}"
    library = path / "python" / "lib"
    stdlib = interpreter.stdlib[0]
    shutil.copytree(stdlib, library / version, ignore=shutil.ignore_patterns(*_LEFT_OUT, "site-packages"))
    assert interpreter.library
    shutil.copy2(interpreter.library, library / f"lib{version}.so.1.0")
    for file in [library / f"lib{version}.so.1.0", *(library / version / "lib-dynload").iterdir()]:
        runpath.forget(str(file))
    for folder in (path / "python" / "bin", path / "bin", path / "lib" / version / "site-packages", path / "onebin"):
        folder.mkdir(parents=True)
    shutil.copy2(starter, path / "python" / "bin" / version)
    (path / "bin" / version).symlink_to(f"../python/bin/{version}")
    for folder in (path / "python" / "bin", path / "bin"):
        for name in ("python3", "python"):
            (folder / name).symlink_to(version)


def finish(path: Path, minor: str, files: Mapping[str, str], **changes: Any) -> Tree:
    """Write files into a tree, pyvenv.cfg, code.bin and the artifact beside the tree; `changes` are for code.bin."""
    for name, text in files.items():
        file = path / name.replace("SITE", f"lib/python{minor}/site-packages")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
        if file.parent == path / "bin":
            file.chmod(0o755)
    (path / "pyvenv.cfg").write_text(
        f"home = {path}/python/bin\ninclude-system-site-packages = false\nversion = {minor}\n", "utf-8"
    )
    tree = Tree(path=path, minor=minor, artifact=path.with_name(f"{path.name}-greet"))
    run([tree.python, "-c", _COMPILE, tree.python])
    write_code(tree, **changes)
    write_artifact(tree.artifact, minor)
    return tree


def write_code(tree: Tree, **changes: Any) -> None:
    """Write code.bin for the modules of a tree; the modules named in `without` get no code."""
    version = f"python{tree.minor}"
    roots = [
        ["onebin", True, True],
        ["bin", False, True],
        [f"python/lib/{version}", False, True],
        [f"python/lib/{version}/lib-dynload", False, True],
        [f"lib/{version}/site-packages", False, True],
    ]
    given = {
        "tree_sha256": TREE_SHA256.hex(),
        "script": SCRIPT,
        "optimize": 0,
        "python_variables": False,
        "start_hook": False,
        "roots": roots,
        "without": [],
    }
    driver = Path(runpath.__file__).parent
    run([tree.python, "-I", "-S", "-c", _WRITE, driver, tree.path, json.dumps(given | changes)])


def write_artifact(file: Path, minor: str, tree_sha256: bytes = TREE_SHA256) -> None:
    """Write what the starter reads of an artifact: any bytes, and the trailer."""
    interpreter, name = f"python{minor}".encode(), SCRIPT.encode()
    trailer = bytes(96) + tree_sha256 + bytes(24) + interpreter.ljust(32, b"\0") + name.ljust(256, b"\0")
    file.write_bytes(b"\x7fELF" + bytes(1000) + trailer + b"onebin\0\4")
    file.chmod(0o755)

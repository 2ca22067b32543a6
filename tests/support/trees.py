"""A small unpacked installation, as the starter finds it: an interpreter, an environment, code.bin and an artifact."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onebin.freeze.driver.tree import runpath
from onebin.launcher import starter

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

# Runs under the interpreter that compiles for the tree, as the driver does: the modules of its roots go into code.bin.
_WRITE = """
import json, os, sys
sys.path.insert(0, sys.argv[1])
import code, columns, files as trees, patterns
tree, given = sys.argv[2], json.loads(sys.argv[3])
roots = [code.Root(*root) for root in given.pop("roots")]
without, suffixes, optimize = given.pop("without"), given.pop("suffixes"), given["optimize"]
entries, sources = [], []

def add(number, top, file):
    stem = next((file[:-len(end)] for end in [*suffixes, ".py"] if file.endswith(end)), None)
    parts = [] if stem is None else stem.split("/")
    if not parts or not all(part.isidentifier() for part in parts) or parts == ["__init__"]:
        return
    is_package = parts[-1] == "__init__"
    name = ".".join(parts[:-1] if is_package else parts)
    whole, data = os.path.join(top, file), None
    if file.endswith(".py") and name not in without:
        with open(whole, "rb") as stream:
            sources.append(stream.read())
            try:
                made = compile(sources[-1], file, "exec", dont_inherit=True, optimize=optimize)
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
place = given.pop("programs") + "/" + given["script"]
with open(os.path.join(tree, place), "rb") as stream:
    text = stream.read()
coder = trees.Coder(None, optimize, lambda made, name: made, columns.forget)
given["script"] = code.Script(given["script"], len(text), coder.script(text, place))
given["patterns"] = patterns.found_in(sources) if given["patterns"] else {}
given["tree_sha256"] = bytes.fromhex(given["tree_sha256"])
code.write(tree + "/code.bin", roots=roots, entries=entries, **given)
"""


@dataclass(frozen=True, kw_only=True)
class Tree:
    """An unpacked installation and its artifact."""

    path: Path
    minor: str
    artifact: Path
    origin: Interpreter
    starter: Path  # as it was compiled

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

    @property
    def is_for_musl(self) -> bool:
        """Whether its C library is musl."""
        return self.origin.target is not None and self.origin.target.libc == "musl"

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
    done = finish_with(command, **env)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done


def finish_with(command: Sequence[str | Path], **env: str) -> subprocess.CompletedProcess[str]:
    """Run a command with some variables of the environment, whatever its exit code."""
    return subprocess.run(
        command, env=environment(**env), capture_output=True, text=True, check=False, timeout=120, errors="replace"
    )


def environment(**env: str) -> dict[str, str]:
    """Return this process's environment without what configures a Python, and with some variables."""
    dropped = ("PYTHON", "VIRTUAL_ENV", "LC_", "LANG")
    return {name: value for name, value in os.environ.items() if not name.startswith(dropped)} | env


def make_base(interpreter: Interpreter, path: Path) -> None:
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
    (path / "bin" / version).symlink_to(f"../python/bin/{version}")
    for folder in (path / "python" / "bin", path / "bin"):
        for name in ("python3", "python"):
            (folder / name).symlink_to(version)


def finish(path: Path, interpreter: Interpreter, compiled: Path, files: Mapping[str, str], **changes: Any) -> Tree:
    """Write files into a tree, and complete it as the launcher does; `changes` are for code.bin."""
    for name, text in files.items():
        file = path / name.replace("SITE", f"lib/python{interpreter.minor}/site-packages")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
        if file.parent == path / "bin":
            file.chmod(0o755)
    tree = _placed(path, interpreter, compiled)
    run([tree.python, "-c", _COMPILE, tree.python])
    write_code(tree, **changes)
    return tree


def clone(tree: Tree, path: Path) -> Tree:
    """Return a copy of a tree for a test that changes it; most of its files are links to the same files."""

    def link(source: str, target: str) -> None:
        if Path(source).parent.name == "bin" or Path(source).name in ("code.bin", "pyvenv.cfg"):
            shutil.copy2(source, target)
        else:
            os.link(source, target)

    shutil.copytree(tree.path, path, symlinks=True, copy_function=link)
    copy = _placed(path, tree.origin, tree.starter)
    os.utime(path / "code.bin")
    return copy


def replace(file: Path, text: str) -> None:
    """Write a file of a clone, and leave the file that it is a link to as it is."""
    file.unlink(missing_ok=True)
    file.write_text(text, "utf-8")


def at(path: Path, interpreter: Interpreter, compiled: Path) -> Tree:
    """Return the tree that was made in a folder."""
    artifact = path.with_name(f"{path.name}-greet")
    return Tree(path=path, minor=interpreter.minor, artifact=artifact, origin=interpreter, starter=compiled)


def _placed(path: Path, interpreter: Interpreter, compiled: Path) -> Tree:
    """Write what depends on a tree's path: pyvenv.cfg, the starter's library folder, and the artifact beside it."""
    tree = at(path, interpreter, compiled)
    home = f"{path}/python/bin" if _is_utf8(path) else "python/bin"  # `site` reads the file as UTF-8
    text = f"home = {home}\ninclude-system-site-packages = false\nversion = {tree.minor}\n"
    (path / "pyvenv.cfg").write_text(text, "utf-8")
    library = os.fsencode(path / "python" / "lib")
    place_starter(tree, library)
    write_artifact(tree.artifact, tree.minor)
    return tree


def _is_utf8(path: Path) -> bool:
    return os.fsencode(path).decode("utf-8", "ignore") == str(path)


def place_starter(tree: Tree, library: bytes | None = None) -> None:
    """Copy the compiled starter into a tree, and write the library folder into it, as the launcher does."""
    file = tree.path / "python" / "bin" / f"python{tree.minor}"
    shutil.copy2(tree.starter, file)
    region = starter.relocatable(file)[0]
    if library is not None:
        with file.open("r+b") as stream:
            stream.seek(region.offset)
            stream.write(library.ljust(region.size, b"\0"))


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
    write_archive(tree.path, tree.origin, **{"roots": roots, **changes})


def write_archive(path: Path, origin: Interpreter, **changes: Any) -> None:
    """Write code.bin for the modules of some roots of a tree, with a Python that runs here."""
    given = {
        "tree_sha256": TREE_SHA256.hex(),
        "script": SCRIPT,
        "programs": "bin",
        "optimize": 0,
        "python_variables": False,
        "start_hook": False,
        "quiet_exit": True,
        "huge_pages": True,
        "patterns": True,
        "without": [],
        "suffixes": origin.suffixes,
    }
    driver = Path(runpath.__file__).parent
    run([origin.builder, "-I", "-S", "-c", _WRITE, driver, path, json.dumps(given | changes)])


def write_artifact(file: Path, minor: str, tree_sha256: bytes = TREE_SHA256) -> None:
    """Write what the starter reads of an artifact: any bytes, and the trailer."""
    interpreter, name = f"python{minor}".encode(), SCRIPT.encode()
    trailer = bytes(96) + tree_sha256 + bytes(24) + interpreter.ljust(32, b"\0") + name.ljust(256, b"\0")
    file.write_bytes(b"\x7fELF" + bytes(1000) + trailer + b"onebin\0\4")
    file.chmod(0o755)

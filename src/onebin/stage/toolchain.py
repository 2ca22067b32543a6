"""Install the toolchain (PyInstaller and its hooks) into a directory of its own, apart from every stage.

It runs under the stage's interpreter but is no part of the stage, so that the host's own versions of shared packages
win, and nothing of it is there to be collected.

It is compiled when it is installed, with a fixed hash seed: the order of a set that stands in a source is another one
if the source is compiled in the same run, or was compiled with another seed, and what PyInstaller collects follows such
orders.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from onebin.cache import Cache
from onebin.errors import StageError, os_errors
from onebin.python import uv
from onebin.system import environment, run, sha256_of

if TYPE_CHECKING:
    from pathlib import Path

    from onebin.cache import Cache
    from onebin.lock import Lock
    from onebin.python import PackageSource

KIND = "toolchains"
FORMAT = 3

_COMPILE = ("-m", "compileall", "-q")


@dataclass(frozen=True, kw_only=True)
class Toolchain:
    """A directory of importable packages, and the names of the modules at its top."""

    key: str
    directory: Path

    @property
    def modules(self) -> tuple[str, ...]:
        """The importable names: packages and single modules."""
        found = (path.stem for path in self.directory.iterdir() if path.suffix in {"", ".py"})
        return tuple(sorted(name for name in found if name.isidentifier() and name not in {"bin", "__pycache__"}))

    @cached_property
    def late_hooks(self) -> dict[str, tuple[str, bool]]:
        """The run-time hooks by name, each with the module for which it is due, and whether that is before its import.

        A hook that imports what it patches is due after that; any other prepares what its module will read.
        """
        found: dict[str, tuple[str, bool]] = {}
        for table in self.directory.glob("*/**/rthooks.dat"):
            for target, names in ast.literal_eval(table.read_text("utf-8")).items():
                for name in names:
                    due = _imported_part(table.parent / "rthooks" / name, target)
                    found[name.removesuffix(".py")] = (target, True) if due is None else (due, False)
        return found


def _imported_part(hook: Path, target: str) -> str | None:
    """Return which part of a package a hook imports, or None if it imports nothing of it."""
    for node in ast.walk(ast.parse(hook.read_bytes())):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name == target or alias.name.startswith(f"{target}."):
                    return alias.name
    return None


def install_toolchain(lock: Lock, cache: Cache, *, source: PackageSource) -> Toolchain:
    """Return the toolchain that a lock pins, installing it if the cache has none; raises StageError."""
    requirements = "".join(
        f"{pin.name}=={pin.version} {' '.join(f'--hash=sha256:{value}' for value in pin.hashes)}\n"
        for pin in lock.toolchain
    )
    key = sha256_of([FORMAT, requirements, lock.interpreter.minor, lock.interpreter.platform])

    def make(partial: Path) -> None:
        wanted = partial / "requirements.txt"
        wanted.write_text(requirements, "utf-8")
        try:
            uv.install_flat(
                wanted,
                python=lock.interpreter.executable,
                target=partial / "packages",
                source=source,
            )
        except uv.Failure as failure:
            raise failure.become(StageError, "the toolchain (PyInstaller) cannot be installed") from failure
        # What cannot be compiled is for another Python, and is not imported.
        run([lock.interpreter.executable, *_COMPILE, partial / "packages"], env=environment(PYTHONHASHSEED="0"))

    with os_errors(StageError, "install the toolchain in", cache.directory):
        entry = cache.ensure(KIND, key, make)
    return Toolchain(key=key, directory=entry / "packages")

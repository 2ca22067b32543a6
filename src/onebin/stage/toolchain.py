"""Install the toolchain (PyInstaller and its hooks) in a directory of its own, separate from every stage.

It runs under the stage's interpreter but is not part of the stage. So the host's own versions of shared packages take
precedence, and nothing of the toolchain is collected.

It is compiled during installation, with a fixed hash seed. The order of a set literal changes if the source is compiled
with another seed, or in the run that uses it; and what PyInstaller collects depends on such orders.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

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
    """A directory of importable packages, and their names."""

    key: str
    directory: Path

    @property
    def modules(self) -> tuple[str, ...]:
        """The names that can be imported: packages and single modules."""
        found = (path.stem for path in self.directory.iterdir() if path.suffix in {"", ".py"})
        return tuple(sorted(name for name in found if name.isidentifier() and name not in {"bin", "__pycache__"}))

    @cached_property
    def late_hooks(self) -> dict[str, tuple[str, bool]]:
        """The run-time hooks by name: each with its module, and whether it must run before that is imported.

        A hook that imports the module it patches runs after the import. Any other prepares what the module will read.
        """
        found: dict[str, tuple[str, bool]] = {}
        for table in self.directory.glob("*/**/rthooks.dat"):
            for target, names in ast.literal_eval(table.read_text("utf-8")).items():
                for name in names:
                    due = _imported_part(table.parent / "rthooks" / name, target)
                    found[name.removesuffix(".py")] = (target, True) if due is None else (due, False)
        return found


def _imported_part(hook: Path, target: str) -> str | None:
    """Return which part of a package a hook imports, or None if it does not import it."""
    for node in ast.walk(ast.parse(hook.read_bytes())):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name == target or alias.name.startswith(f"{target}."):
                    return alias.name
    return None


def install_toolchain(lock: Lock, cache: Cache, *, source: PackageSource) -> Toolchain:
    """Return the toolchain that a lock pins, installing it if it is not in the cache; raises StageError."""
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
            raise failure.become(StageError, "cannot install the toolchain (PyInstaller)") from failure
        # Files that do not compile are for other Python versions, and are not imported.
        run([lock.interpreter.executable, *_COMPILE, partial / "packages"], env=environment(PYTHONHASHSEED="0"))

    with os_errors(StageError, "install the toolchain in", cache.directory):
        entry = cache.ensure(KIND, key, make)
    return Toolchain(key=key, directory=entry / "packages")

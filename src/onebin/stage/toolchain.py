"""Install the toolchain (PyInstaller and its hooks) in a directory of its own, separate from every stage.

It runs under the stage's interpreter but is not part of the stage. So the host's own versions of shared packages take
precedence, and nothing of the toolchain is collected.

It is compiled during installation, with a fixed hash seed. The order of a set literal changes if the source is compiled
with another seed, or in the run that uses it; and what PyInstaller collects depends on such orders.
"""

from __future__ import annotations

from dataclasses import dataclass
from sysconfig import get_platform
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


def install_toolchain(lock: Lock, cache: Cache, *, source: PackageSource) -> Toolchain:
    """Return the toolchain that a lock pins, installing it if it is not in the cache; raises StageError."""
    requirements = "".join(
        f"{pin.name}=={pin.version} {' '.join(f'--hash=sha256:{value}' for value in pin.hashes)}\n"
        for pin in lock.toolchain
    )
    key = sha256_of([FORMAT, requirements, lock.interpreter.minor, get_platform()])

    def make(partial: Path) -> None:
        wanted = partial / "requirements.txt"
        wanted.write_text(requirements, "utf-8")
        try:
            uv.install_flat(
                wanted,
                python=lock.interpreter.builder,
                target=partial / "packages",
                source=source,
            )
        except uv.Failure as failure:
            raise failure.become(StageError, "cannot install the toolchain (PyInstaller)") from failure
        # Files that do not compile are for other Python versions, and are not imported.
        run([lock.interpreter.builder, *_COMPILE, partial / "packages"], env=environment(PYTHONHASHSEED="0"))

    with os_errors(StageError, "install the toolchain in", cache.directory):
        entry = cache.ensure(KIND, key, make)
    return Toolchain(key=key, directory=entry / "packages")

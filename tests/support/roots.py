"""Root directories that hold little more than an artifact, to see what it needs of its machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from .processes import run

if TYPE_CHECKING:
    from pathlib import Path

    from .processes import Result

_SECONDS = 120

# Enters a root directory that contains only the artifact, /proc, /tmp and /data; sh's $0 is that directory.
_ENTER = 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"'


@dataclass(frozen=True, kw_only=True)
class EmptyRoot:
    """A root directory with an artifact in it, /proc, and two empty directories."""

    directory: Path

    @classmethod
    def around(cls, artifact: Path, directory: Path) -> EmptyRoot:
        """Make a root directory for a copy of an artifact."""
        for name in ("proc", "tmp", "data"):
            (directory / name).mkdir(parents=True)
        shutil.copy2(artifact, directory / "app")
        return cls(directory=directory)

    def __call__(self, *arguments: str, **env: str) -> Result:
        """Run the artifact there, with only the given variables in its environment."""
        command = [tool("unshare"), "--mount", tool("sh"), "-c", _ENTER, str(self.directory), "/app", *arguments]
        # Without a PATH, sh uses its default.
        return run(command, whole_env=env, seconds=_SECONDS)


def tool(program: str) -> str:
    """Return the path of a program; skip the test if this machine does not have it."""
    return shutil.which(program) or pytest.skip(f"needs {program}")


def need_root_directories() -> None:
    """Skip the test if the system does not allow a change of the root directory."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root on Linux may change the root directory")
    if subprocess.run([tool("unshare"), "--mount", "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("root cannot mount anything on this system")

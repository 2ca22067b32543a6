"""The installed command, and what it is run with."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .example import SAMPLES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True)
class Done:
    """What a process left."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed, read as JSON."""
        return json.loads(self.out)


@dataclass(frozen=True)
class Logscan:
    """The installed command, run from the directory of the samples."""

    executable: Path

    def __call__(
        self,
        *arguments: str | Path,
        stdin: bytes = b"",
        stdout: int = subprocess.PIPE,
        env: Mapping[str, str] | None = None,
    ) -> Done:
        """Run it to its end; `stdout` may be the descriptor of a file to print to."""
        done = subprocess.run(
            [self.executable, *arguments],
            cwd=SAMPLES,
            env=environment(env or {}),
            input=stdin,
            stdout=stdout,
            stderr=subprocess.PIPE,
            check=False,
            timeout=60,
        )
        return Done(done.returncode, text(done.stdout or b""), text(done.stderr))

    def start(self, *arguments: str, stderr: int) -> subprocess.Popen[bytes]:
        """Start it with pipes; `stderr` is the descriptor of where to complain to."""
        return subprocess.Popen(
            [self.executable, *arguments],
            env=environment({}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
        )

    def peak_memory(self, *arguments: str | Path) -> int:
        """Run it, and return how many bytes its process had in memory at most.

        A small process starts it, because a process counts the memory of the one that started it.
        """
        command = [sys.executable, "-I", "-c", PEAK, self.executable, *arguments]
        done = subprocess.run(command, env=environment({}), stdout=subprocess.PIPE, check=True, timeout=300)
        return int(done.stdout)


PEAK = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * (1 if sys.platform == "darwin" else 1024))
"""


def text(output: bytes) -> str:
    """Decode what a process printed, with plain line ends; bytes that are not UTF-8 become escapes."""
    return output.decode("utf-8", "backslashreplace").replace("\r\n", "\n")


def environment(more: Mapping[str, str]) -> dict[str, str]:
    """Return this process's environment without what would change the command's output, and with `more`."""
    dropped = ("PYTHON", "NO_COLOR", "FORCE_COLOR", "VIRTUAL_ENV", "UV_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    return {**kept, "PYTHONUTF8": "1", **more}

"""The installed command `logscan`, and how tests run it."""

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


@dataclass(frozen=True, kw_only=True)
class Done:
    """The result of a process."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The output, parsed as JSON."""
        return json.loads(self.out)


@dataclass(frozen=True, kw_only=True)
class Logscan:
    """The installed command; it runs in the directory of the samples."""

    executable: Path

    def __call__(
        self,
        *arguments: str | Path,
        stdin: bytes = b"",
        stdout: int = subprocess.PIPE,
        env: Mapping[str, str] | None = None,
    ) -> Done:
        """Run the command to its end; `stdout` may be a file descriptor that it writes its output to."""
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
        return Done(code=done.returncode, out=text(done.stdout or b""), err=text(done.stderr))

    def start(self, *arguments: str, stderr: int) -> subprocess.Popen[bytes]:
        """Start the command with pipes; `stderr` is a file descriptor that it writes its errors to."""
        return subprocess.Popen(
            [self.executable, *arguments],
            env=environment({}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
        )

    def peak_memory(self, *arguments: str | Path) -> int:
        """Run the command, and return the peak memory of its process in bytes.

        A small process starts it, because a new process inherits the peak of the process that starts it.
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
    """Decode the output of a process; line ends become LF, and bytes that are not UTF-8 become escapes."""
    return output.decode("utf-8", "backslashreplace").replace("\r\n", "\n")


def environment(more: Mapping[str, str]) -> dict[str, str]:
    """Return this process's environment with `more`, and without variables that would change the command's output."""
    dropped = ("PYTHON", "NO_COLOR", "FORCE_COLOR", "VIRTUAL_ENV", "UV_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    return {**kept, "PYTHONUTF8": "1", **more}

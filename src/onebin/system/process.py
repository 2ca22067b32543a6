"""The only place that starts other programs.

Enters: an argument list and an explicit environment. Leaves: what the program printed, or a ProcessError with the
end of it. A program that onebin starts never outlives it by an error, Ctrl-C or SIGTERM: it runs in a session of its
own and that whole session is ended.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import deque
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from onebin.errors import ProcessError
from onebin.system.credentials import redact

if sys.platform == "linux":
    import resource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

TAIL_LINES = 20
STILL_RUNNING = "still running after"
_GRACE_SECONDS = 3.0

# Of one process: more than any resolution or build wants, less than would take a machine down.
_MEMORY_BYTES = 8 * 1024**3
_FILE_BYTES = 16 * 1024**3

# Variables that change what a Python program imports or how PyInstaller works; a build must not depend on them.
_LEAKING = ("PYTHON", "PYINSTALLER", "VIRTUAL_ENV", "CONDA_", "__PYVENV_LAUNCHER__", "_PYI_", "_MEIPASS")

# Without these, Windows cannot start a program, nor find its temporary directory.
_NEEDED = ("SYSTEMROOT", "TEMP", "TMP", "TMPDIR")

# The passphrase of the key that signs: code of plugins runs in some of the programs that onebin starts.
PASSPHRASE_VARIABLE = "ONEBIN_KEY_PASSPHRASE"  # noqa: S105  # a name


@dataclass(frozen=True, kw_only=True)
class Completed:
    """What a program left: its exit code (negative: ended by that signal) and what it printed, decoded as UTF-8."""

    code: int
    stdout: str
    stderr: str


def environment(**extra: str) -> dict[str, str]:
    """Return this process's environment without the variables that would make a build depend on the caller's shell."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.upper().startswith((*_LEAKING, PASSPHRASE_VARIABLE))
    }
    return {**kept, **extra}


def bare_environment(**extra: str) -> dict[str, str]:
    """Return what a system needs to start a program, and nothing else of this process's environment."""
    return {name: os.environ[name] for name in _NEEDED if name in os.environ} | extra


def run(
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str],
    cwd: Path | None = None,
    stdin: str = "",
    timeout: float | None = None,
    bounded: bool = False,
) -> Completed:
    """Run a program to its end and return what it printed.

    A `bounded` program may not take memory or write files without an end. Raises ProcessError when the program cannot
    be started or is still running after `timeout` seconds; its exit code is the caller's to judge.
    """
    command = [os.fspath(part) for part in argv]
    with _started(command, env=env, cwd=cwd, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        if bounded:
            _bound(child.pid)
        try:
            stdout, stderr = child.communicate(stdin.encode(), timeout)
        except subprocess.TimeoutExpired as error:
            raise ProcessError(command, -1, f"{STILL_RUNNING} {timeout:g} s") from error
    return Completed(code=child.returncode, stdout=_text(stdout), stderr=_text(stderr))


def stream(
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str],
    log: Path,
    cwd: Path | None = None,
    echo: Callable[[str], None] | None = None,
) -> None:
    """Run a program, writing all it prints to `log` and line by line to `echo`, without logins.

    Raises ProcessError with the last lines when it fails, and OSError when the log cannot be written.
    """
    command = [os.fspath(part) for part in argv]
    tail: deque[str] = deque(maxlen=TAIL_LINES)
    with (
        log.open("w", encoding="utf-8", buffering=1) as record,
        _started(command, env=env, cwd=cwd, stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT) as child,
    ):
        for raw in child.stdout or ():
            line = redact(_text(raw).rstrip("\r\n"))
            record.write(line + "\n")
            tail.append(line)
            if echo is not None:
                echo(line)
        child.wait()
    if child.returncode != 0:
        raise ProcessError(command, child.returncode, "\n".join(tail))


def become(argv: Sequence[str | Path], *, env: Mapping[str, str]) -> int:
    """Become another program: on POSIX this process is replaced; elsewhere its exit code is returned."""
    command = [os.fspath(part) for part in argv]
    sys.stdout.flush()
    sys.stderr.flush()
    if os.name == "posix":
        os.execve(command[0], command, env)  # noqa: S606  # a list of arguments, no shell
    return subprocess.call(command, env=env)  # noqa: S603  # a list of arguments, no shell


@contextmanager
def _started(
    command: list[str], *, env: Mapping[str, str], cwd: Path | None, stdin: int, stderr: int
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a program in a session of its own, and end that session if the block is left by an exception."""
    options: dict[str, Any] = {
        "env": env,
        "cwd": cwd,
        "stdin": stdin,
        "stdout": subprocess.PIPE,
        "stderr": stderr,
    }
    try:
        child = subprocess.Popen(command, start_new_session=True, **options)  # noqa: S603  # a list, no shell
    except OSError as error:
        raise ProcessError(command, -1, str(error), "is it installed, and may it be executed?") from error
    try:
        yield child
    except BaseException:
        _end(child)
        raise
    finally:
        for pipe in (child.stdin, child.stdout, child.stderr):
            if pipe is not None:
                pipe.close()


def _bound(pid: int) -> None:
    """Limit the memory of a process that runs, and the size of the files that it writes; only Linux can."""
    if sys.platform != "linux":
        return
    for kind, most in ((resource.RLIMIT_DATA, _MEMORY_BYTES), (resource.RLIMIT_FSIZE, _FILE_BYTES)):
        hard = resource.getrlimit(kind)[1]
        least = most if hard == resource.RLIM_INFINITY else min(most, hard)
        with suppress(OSError):  # it has ended
            resource.prlimit(pid, kind, (least, hard))


def _end(child: subprocess.Popen[bytes]) -> None:
    """Ask the child's whole session to stop, then retry_skipping."""
    if os.name != "posix":
        child.kill()
        child.wait()
        return
    _signal(child.pid, signal.SIGTERM)
    try:
        child.wait(_GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        pass
    finally:
        _signal(child.pid, signal.SIGKILL)
        child.wait()


def _signal(group: int, number: int) -> None:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):  # macOS answers EPERM for a group of zombies
        return


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")

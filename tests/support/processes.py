"""Run programs in tests: until they exit, or in the background so that they can be signalled."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

# A test that hangs fails after this time.
RUN_SECONDS = 600
EXE = ".exe" if sys.platform == "win32" else ""

# Settings of the caller that must not affect tests.
_DROPPED = ("ONEBIN_", "NO_COLOR", "FORCE_COLOR", "COLUMNS")
# Windows cannot start a program without it.
EMPTY_ENVIRONMENT = {name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ}


@dataclass(frozen=True, kw_only=True)
class Result:
    """The exit code of a process (negative if a signal ended it) and what it printed."""

    code: int
    out: str
    err: str


def callers_environment() -> dict[str, str]:
    """Return the environment of the tests, without settings that change the behaviour of onebin."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_DROPPED)}


def run(  # noqa: PLR0913  # like subprocess.run: most tests need two or three of them
    command: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    whole_env: Mapping[str, str] | None = None,
    stdin: str | bytes | None = "",
    seconds: float = RUN_SECONDS,
    errors: str = "strict",
    umask: int = -1,
) -> Result:
    """Run a program until it exits.

    `env` is added to the caller's environment, or to `whole_env` if that is given. `stdin` is sent to the program; None
    gives it no input at all. Output is decoded as UTF-8 with this `errors` handler. Raises TimeoutExpired.
    """
    given = stdin.encode() if isinstance(stdin, str) else stdin
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=_environment(env, whole_env),
        stdin=subprocess.DEVNULL if given is None else None,
        input=given,
        capture_output=True,
        timeout=seconds,
        umask=umask,
        check=False,
    )
    return Result(code=done.returncode, out=_text(done.stdout, errors), err=_text(done.stderr, errors))


def succeed(
    command: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    whole_env: Mapping[str, str] | None = None,
    seconds: float = RUN_SECONDS,
) -> Result:
    """Run a program until it exits, and expect exit code 0."""
    done = run(command, cwd=cwd, env=env, whole_env=whole_env, seconds=seconds)
    assert done.code == 0, done.out + done.err
    return done


def start(
    command: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    whole_env: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a program with pipes, without waiting for it."""
    return subprocess.Popen(
        [str(part) for part in command],
        cwd=cwd,
        env=_environment(env, whole_env),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def next_line(process: subprocess.Popen[bytes]) -> str:
    """Return the next line that a started program prints, without its line end."""
    assert process.stdout is not None
    return process.stdout.readline().decode().rstrip("\n")


@dataclass(frozen=True, kw_only=True)
class Running:
    """A program that runs in its own session, and all processes that it has started.

    `log` receives its standard error. `mark` is a text that occurs in the arguments, the environment or the working
    directory of each of its processes.
    """

    process: subprocess.Popen[bytes]
    log: Path
    mark: str

    def has_said(self, words: str) -> bool:
        """Return whether the program has printed these words to standard error."""
        return words in self.said()

    def said(self) -> str:
        """Return everything that the program has printed to standard error."""
        return self.log.read_text("utf-8")

    def is_over(self) -> bool:
        """Return whether the program has exited."""
        return self.process.poll() is not None

    def interrupt(self, number: signal.Signals) -> Result:
        """Send a signal like a terminal (SIGINT, to the foreground group) or a service manager, and wait."""
        if number is signal.SIGINT:
            os.killpg(self.process.pid, number)
        else:
            self.process.send_signal(number)
        out, _ = self.process.communicate(timeout=60)
        return Result(code=self.process.returncode, out=out.decode(), err=self.said())

    def is_alone(self) -> bool:
        """Return whether no other process of this run is alive."""
        return not self.family()

    def family(self) -> list[int]:
        """Return every process of this run except the program itself."""
        return [pid for pid in processes_with(self.mark) if pid != self.process.pid]


@contextmanager
def running(command: Sequence[str | Path], *, cwd: Path, whole_env: Mapping[str, str], log: Path) -> Iterator[Running]:
    """Run a program in its own session during the block; kill its remaining processes at the end.

    Its processes are recognised by the parent of `cwd`.
    """
    with log.open("wb") as err:
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=cwd,
            env=dict(whole_env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=err,
            start_new_session=True,
        )
        found = Running(process=process, log=log, mark=f"{cwd.parent}/")
        try:
            yield found
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # also what runs as another user, whose /proc may be closed
            for pid in found.family():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            process.communicate(timeout=30)


def processes_with(mark: str) -> list[int]:
    """Return the other processes with a text in their arguments, environment or working directory; or skip the test.

    A zombie has none of these.
    """
    proc = Path("/proc")
    if not proc.is_dir():
        pytest.skip("only Linux lists processes under /proc")
    pids = [int(entry.name) for entry in proc.iterdir() if entry.name.isdigit()]
    return [pid for pid in pids if pid != os.getpid() and mark in _describe(pid)]


def _describe(pid: int) -> str:
    """Return the arguments, environment and working directory of a process; nothing if it has ended."""
    place = Path("/proc", str(pid))
    text = ""
    for name in ("cmdline", "environ"):
        with suppress(OSError):
            text += (place / name).read_bytes().decode("utf-8", "replace")
    with suppress(OSError):
        text += str((place / "cwd").readlink())
    return text


def _environment(env: Mapping[str, str] | None, whole_env: Mapping[str, str] | None) -> dict[str, str]:
    return {**(callers_environment() if whole_env is None else whole_env), **(env or {})}


def _text(raw: bytes, errors: str) -> str:
    text = raw.decode("utf-8", errors)
    return text.replace("\r\n", "\n") if sys.platform == "win32" else text

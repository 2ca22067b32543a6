"""Run another program. Only this module of onebin starts programs; the driver, which PyInstaller runs, starts `strip`.

Takes an argument list and an explicit environment. Returns what the program printed, or raises ProcessError with the
end of it. Each program runs in its own session, and the whole session is stopped after an error, Ctrl-C or SIGTERM, so
that no program outlives onebin.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections import deque
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from queue import Empty
from time import monotonic, sleep
from typing import IO, TYPE_CHECKING, Any

from onebin.errors import ProcessError
from onebin.system.credentials import redact
from onebin.system.lines import Lines
from onebin.system.wording import visible

if sys.platform == "linux":
    import resource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path
    from types import FrameType

TAIL_LINES = 20
STILL_RUNNING = "still running after"
_GRACE_SECONDS = 3.0
_GROUP_SECONDS = 1.0  # for what was killed to be gone
_POLL_SECONDS = 0.01
_PEEK_SECONDS = 0.2
_REST_SECONDS = 3.0  # for what a program printed before it ended to be read
_CHUNK_BYTES = 64 * 1024

# Per process: more than any resolution or build needs, but not enough to exhaust a machine.
_MEMORY_BYTES = 8 * 1024**3
_FILE_BYTES = 16 * 1024**3

# Variables that change what a Python program imports or how PyInstaller works; a build must not depend on them.
_LEAKING = ("PYTHON", "PYINSTALLER", "VIRTUAL_ENV", "CONDA_", "__PYVENV_LAUNCHER__", "_PYI_", "_MEIPASS")

# The programs that run now, and the lock under which one is started and becomes one of them.
_own: set[int] = set()
_starting = threading.Lock()

# Without these, Windows cannot start a program, nor find its temporary directory.
_NEEDED = ("SYSTEMROOT", "TEMP", "TMP", "TMPDIR")

# The passphrase of the signing key: some of the programs that onebin starts run code of plugins.
PASSPHRASE_VARIABLE = "ONEBIN_KEY_PASSPHRASE"  # noqa: S105  # the variable's name, not a secret


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """How a program ended: its exit code, or None if its time was over, and the last lines that it printed."""

    code: int | None
    tail: str


@dataclass(frozen=True, kw_only=True)
class Completed:
    """The result of a program: its exit code (negative: killed by that signal) and its output, decoded as UTF-8."""

    code: int
    stdout: str
    stderr: str


def environment(**extra: str) -> dict[str, str]:
    """Return this process's environment without variables that would make a build depend on the caller's shell."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.upper().startswith((*_LEAKING, PASSPHRASE_VARIABLE))
    }
    return {**kept, **extra}


def bare_environment(**extra: str) -> dict[str, str]:
    """Return only what a system needs to start a program, and nothing else of this process's environment."""
    return {name: os.environ[name] for name in _NEEDED if name in os.environ} | extra


def run(
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str],
    cwd: Path | None = None,
    stdin: str = "",
    timeout: float | None = None,
    bounded: bool = False,
    peek: Callable[[str], None] | None = None,
) -> Completed:
    """Run a program, wait for it and return what it printed.

    If `bounded`, its memory and the size of its files are limited. `peek` gets, now and then, all that the program has
    printed to standard error so far. Raises ProcessError if the program cannot be started or is still running after
    `timeout` seconds. The caller must check the exit code.
    """
    command = [os.fspath(part) for part in argv]
    with _started(command, env=env, cwd=cwd, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        if bounded:
            _bound(child.pid)
        # Popen.communicate forgets the rest of a long input when it is called again after a timeout (CPython 3.11).
        threading.Thread(target=_feed, args=(child.stdin, stdin.encode()), daemon=True).start()
        child.stdin = None
        stdout, stderr = _communicate(child, command, timeout, peek)
    return Completed(code=child.returncode, stdout=_text(stdout), stderr=_text(stderr))


def _feed(pipe: IO[bytes] | None, content: bytes) -> None:
    """Write a program's whole input, as far as it reads it."""
    if pipe is not None:
        with suppress(OSError, ValueError), pipe:
            pipe.write(content)


def _communicate(
    child: subprocess.Popen[bytes],
    command: list[str],
    timeout: float | None,
    peek: Callable[[str], None] | None,
) -> tuple[bytes, bytes]:
    """Wait for a program, and look at what it has printed in the meantime.

    When it has ended, another process may still hold its output: what is left of its session is ended then.
    """
    end = None if timeout is None else monotonic() + timeout
    while True:
        left = _PEEK_SECONDS if end is None else max(0.0, end - monotonic())
        try:
            return child.communicate(timeout=min(_PEEK_SECONDS, left))
        except subprocess.TimeoutExpired as error:
            printed = error.stdout or b"", error.stderr or b""
        if child.poll() is not None:
            return _rest(child, printed)
        if end is not None and monotonic() >= end:
            raise ProcessError(command, -1, f"{STILL_RUNNING} {timeout:g} s")
        if peek is not None:
            peek(_text(printed[1]))


def _rest(child: subprocess.Popen[bytes], printed: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    """Return what a program printed that has ended, though another process may hold its output for ever."""
    try:
        return child.communicate(timeout=_REST_SECONDS)
    except subprocess.TimeoutExpired as error:
        _stop(child)
        return error.stdout or printed[0], error.stderr or printed[1]


def stream(
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str],
    log: Path,
    cwd: Path | None = None,
    echo: Callable[[str], None] | None = None,
) -> None:
    """Run a program, and write what it prints, without credentials and controls, to `log` and line by line to `echo`.

    Raises ProcessError with the last lines if it fails, and OSError if the log cannot be written.
    """
    command = [os.fspath(part) for part in argv]
    tail: deque[str] = deque(maxlen=TAIL_LINES)
    with (
        log.open("w", encoding="utf-8", buffering=1) as record,
        _started(command, env=env, cwd=cwd, stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT) as child,
    ):
        for raw in _lines(child):
            line = visible(redact(_text(raw)))
            record.write(line + "\n")
            tail.append(line)
            if echo is not None:
                echo(line)
        child.wait()
    if child.returncode != 0:
        raise ProcessError(command, child.returncode, "\n".join(tail))


def attempt(argv: Sequence[str | Path], *, env: Mapping[str, str], cwd: Path, timeout: float) -> Attempt:
    """Run a program that may do anything: hang, print without an end, or leave processes behind that hold its output.

    Only the end of what it prints is kept, without credentials. Raises ProcessError if it cannot be started.
    """
    command = [os.fspath(part) for part in argv]
    printed = bytearray()
    with _started(command, env=env, cwd=cwd, stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT) as child:
        reader = threading.Thread(target=_keep_end, args=(child.stdout, printed), daemon=True)
        reader.start()
        code: int | None = None
        try:
            code = child.wait(timeout)
        except subprocess.TimeoutExpired:
            _stop(child)
        reader.join(_GROUP_SECONDS)
        lines = _text(bytes(printed)).splitlines()[-TAIL_LINES:]
        return Attempt(code=code, tail=redact("\n".join(lines)))


def converse(
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str],
    stdin: str,
    each: Callable[[str], None],
    wanted: Callable[[], bool],
    began: Callable[[int], None] = lambda _: None,
) -> Attempt:
    """Run a program that reads one line and answers with lines; `each` gets them as they come.

    `began` gets its number first. Its standard input ends when this process does. It is stopped, with its whole
    session, as soon as `wanted`, which is asked several times a second, returns False; its exit code is None then. The
    result has the end of what it printed to standard error. Raises ProcessError if it cannot be started.
    """
    command = [os.fspath(part) for part in argv]
    printed = bytearray()
    with _started(command, env=env, cwd=None, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        began(child.pid)
        reader = threading.Thread(target=_keep_end, args=(child.stderr, printed), daemon=True)
        reader.start()
        with suppress(BrokenPipeError):  # it has ended: its exit code says more
            _write_line(child, stdin)
        code = _answered(child, each, wanted)
        reader.join(_GROUP_SECONDS)
        tail = "\n".join(_text(bytes(printed)).splitlines()[-TAIL_LINES:])
        return Attempt(code=code, tail=redact(tail))


def _answered(child: subprocess.Popen[bytes], each: Callable[[str], None], wanted: Callable[[], bool]) -> int | None:
    """Hand on the lines of a program, and return its exit code; None if it was stopped."""
    for line in _lines(child, wanted):
        each(_text(line))
    while child.poll() is None:
        if not wanted():
            _stop(child)
            return None
        sleep(_POLL_SECONDS)
    return child.returncode


def _lines(child: subprocess.Popen[bytes], wanted: Callable[[], bool] = lambda: True) -> Iterator[bytes]:
    """Yield the lines of a program as long as they are wanted.

    When it has ended, another process may still hold its output: that one is not waited for.
    """
    with closing(Lines(child.stdout)) as lines:
        while wanted():
            has_ended = child.poll() is not None
            try:
                line = lines.next(_REST_SECONDS if has_ended else _PEEK_SECONDS)
            except Empty:
                if has_ended:
                    return
                continue
            if line is None:
                return
            yield line


def _write_line(child: subprocess.Popen[bytes], line: str) -> None:
    if child.stdin is not None:
        child.stdin.write(line.encode() + b"\n")
        child.stdin.flush()


def _keep_end(pipe: IO[bytes] | None, printed: bytearray) -> None:
    """Read what a program prints until its end, and keep the last of it."""
    with suppress(OSError, ValueError):  # another process held the pipe, and it was closed here
        while pipe is not None and (chunk := os.read(pipe.fileno(), _CHUNK_BYTES)):
            printed += chunk
            del printed[:-_CHUNK_BYTES]


@dataclass
class Background:
    """A program that runs beside this one, with the same output and without input, in a session of its own."""

    _child: subprocess.Popen[bytes]

    @property
    def code(self) -> int | None:
        """Its exit code; None while it runs."""
        return self._child.poll()

    def stop(self) -> None:
        """Ask its whole session to stop, then kill it."""
        _stop(self._child)


def start(argv: Sequence[str | Path], *, env: Mapping[str, str]) -> Background:
    """Start a program that prints where this one does; raises ProcessError if it cannot be started."""
    command = [os.fspath(part) for part in argv]
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        child = subprocess.Popen(  # noqa: S603  # a list of arguments, without a shell
            command, env=env, stdin=subprocess.DEVNULL, start_new_session=True
        )
    except OSError as error:
        raise ProcessError(command, -1, str(error), "is it installed and executable?") from error
    return Background(child)


def become(argv: Sequence[str | Path], *, env: Mapping[str, str]) -> int:
    """Run another program in place of this one: on POSIX it replaces this process; elsewhere, return its exit code."""
    command = [os.fspath(part) for part in argv]
    sys.stdout.flush()
    sys.stderr.flush()
    if os.name == "posix":
        os.execve(command[0], command, env)  # noqa: S606  # a list of arguments, without a shell
    return subprocess.call(command, env=env)  # noqa: S603  # a list of arguments, without a shell


@contextmanager
def _started(
    command: list[str], *, env: Mapping[str, str], cwd: Path | None, stdin: int, stderr: int
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a program in its own session, and stop that session if the block raises an exception."""
    options: dict[str, Any] = {
        "env": env,
        "cwd": cwd,
        "stdin": stdin,
        "stdout": subprocess.PIPE,
        "stderr": stderr,
    }
    child: subprocess.Popen[bytes] = subprocess.Popen.__new__(subprocess.Popen)
    try:
        with _delayed_signals(), _starting:
            # By itself, because an error can end this after the program has started.
            child.__init__(command, start_new_session=True, **options)  # type: ignore[misc]  # see the line above
            _own.add(child.pid)
    except OSError as error:
        raise ProcessError(command, -1, str(error), "is it installed and executable?") from error
    except BaseException:
        if getattr(child, "pid", None):
            _stop(child)
            _close(child)
            _own.discard(child.pid)
        raise
    try:
        yield child
    except BaseException:
        _stop(child)
        raise
    finally:
        _close(child)
        _own.discard(child.pid)


def not_started_here(children: Callable[[], Iterable[int]]) -> list[int]:
    """Return which of this process's children, as a function lists them, it has not started: others have left them."""
    with _starting:
        return [pid for pid in children() if pid not in _own]


def _close(child: subprocess.Popen[bytes]) -> None:
    for pipe in (child.stdin, child.stdout, child.stderr):
        if pipe is not None:
            pipe.close()


@contextmanager
def _delayed_signals() -> Iterator[None]:
    """Handle signals after the block, in which the number of a process that has been started could get lost.

    Only the main thread handles signals (see `signal`), so other threads need nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[tuple[int, FrameType | None]] = []
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    delayed = {number: handler for number, handler in handlers.items() if callable(handler)}
    try:
        for number in delayed:
            signal.signal(number, lambda number, frame: came.append((number, frame)))
        yield
    finally:
        for number, handler in delayed.items():
            signal.signal(number, handler)
        for came_as, frame in came:
            delayed[signal.Signals(came_as)](came_as, frame)


def _bound(pid: int) -> None:
    """Limit the memory of a running process, and the size of the files that it writes; only possible on Linux."""
    if sys.platform != "linux":
        return
    for kind, most in ((resource.RLIMIT_DATA, _MEMORY_BYTES), (resource.RLIMIT_FSIZE, _FILE_BYTES)):
        hard = resource.getrlimit(kind)[1]
        least = most if hard == resource.RLIM_INFINITY else min(most, hard)
        with suppress(OSError):  # it has exited
            resource.prlimit(pid, kind, (least, hard))


def _stop(child: subprocess.Popen[bytes]) -> None:
    """Ask the child's whole session to stop, then kill it."""
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
        _wait_for_group(child.pid)


def _wait_for_group(group: int) -> None:
    """Wait until the processes of a group that was killed have ended, as until then they may still change files.

    One that nobody has collected yet counts as one of them, so this does not wait for long.
    """
    end = monotonic() + _GROUP_SECONDS
    with suppress(ProcessLookupError, PermissionError):  # there is none left; as macOS says it
        while monotonic() < end:
            os.killpg(group, 0)
            sleep(_POLL_SECONDS)


def _signal(group: int, number: int) -> None:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):  # macOS reports EPERM for a group of zombies
        return


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")

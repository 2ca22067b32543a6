# ruff: noqa: INP001  # beside the checks, which are scripts outside any package
"""Code shared by the checks of all hosts: runs the host with almost no environment, and reports clearly what failed.

Standard library only. Each check runs as `python examples/hosts/NAME/check.py [--env NAME=VALUE]... COMMAND...`, where
COMMAND is whatever starts the host: an artifact, or `python -m onebin run -m bundle.toml --`. It sees an empty PATH, a
home of its own and what --env adds, and nothing else of the caller's environment.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

SECONDS = 60.0

# Without these, Windows cannot start a program, nor find its temporary directory.
_NEEDED = ("SYSTEMROOT", "TEMP", "TMP", "TMPDIR")


class CheckError(Exception):
    """The host does not behave as it does when it is installed."""


@dataclass(frozen=True)
class Ran:
    """The result of one run of the host: its exit code and its output."""

    code: int
    out: str
    err: str

    def expect(self, code: int, *patterns: str) -> None:
        """Raise CheckError unless the exit code is this one and each regular expression is found in the output."""
        shown = f"\n--- stdout\n{self.out[-4000:]}\n--- stderr\n{self.err[-4000:]}"
        if self.code != code:
            raise CheckError(f"exit code {self.code}, expected {code}{shown}")
        for pattern in patterns:
            if not re.search(pattern, self.out, re.MULTILINE):
                raise CheckError(f"{pattern!r} is not in the output{shown}")


@dataclass(frozen=True)
class Host:
    """The command under test, and the folder in which it runs."""

    command: tuple[str, ...]
    folder: Path
    env: Mapping[str, str]

    def write(self, name: str, text: str) -> Path:
        """Write a file into the folder and return its path."""
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file

    def __call__(self, *arguments: str | Path, stdin: str = "") -> Ran:
        """Run the host to its end, for at most a minute."""
        argv = self._argv(arguments)
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            child = subprocess.Popen(  # noqa: S603  # the caller's own command, no shell
                argv, cwd=self.folder, env=self.env, stdin=subprocess.PIPE, stdout=out, stderr=err, **_OWN_GROUP
            )
            try:
                child.communicate(stdin.encode(), SECONDS)
            except subprocess.TimeoutExpired:
                raise CheckError(f"{arguments} is still running after {SECONDS:g} s") from None
            finally:
                _kill(child)
            return Ran(code=child.returncode, out=_text(out), err=_text(err))

    @contextmanager
    def serving(self, *arguments: str | Path, ready: str) -> Iterator[re.Match[str]]:
        """Run the host as a server while the block runs, then end it with Ctrl-C.

        Provides the match of `ready` in what it printed. Raises CheckError if it does not become ready or does not end.
        """
        log = self.folder / "server.log"
        with log.open("wb") as out:
            child = subprocess.Popen(  # noqa: S603  # the caller's own command, no shell
                self._argv(arguments),
                cwd=self.folder,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                **_OWN_GROUP,
            )
        try:
            yield _wait_for(ready, child, log)
            child.send_signal(_CTRL_C)
            try:
                child.wait(SECONDS)
            except subprocess.TimeoutExpired:
                raise CheckError(f"Ctrl-C does not end the server: {log.read_text('utf-8')[-4000:]}") from None
        finally:
            _kill(child)

    def with_environment(self, **more: str) -> Host:
        """Return the host with additions to its environment."""
        return replace(self, env={**self.env, **more})

    def _argv(self, arguments: tuple[str | Path, ...]) -> list[str]:
        return [*self.command, *map(str, arguments)]


def main(check: Callable[[Host], None]) -> None:
    """Run a check on the command that the command line names; exit with 0, or with 1 and the reason."""
    parser = argparse.ArgumentParser(description=check.__doc__)
    parser.add_argument("--env", metavar="NAME=VALUE", action="append", default=[], help="for the host's environment")
    parser.add_argument("command", metavar="COMMAND", nargs=argparse.REMAINDER, help="the command that starts the host")
    wanted = parser.parse_args()
    if not wanted.command:
        parser.error("name the command that starts the host")
    program, *rest = wanted.command
    with tempfile.TemporaryDirectory(prefix="check-", ignore_cleanup_errors=True) as scratch:
        folder, home, path = (Path(scratch, name) for name in ("folder", "home", "empty"))
        for directory in (folder, home, path):
            directory.mkdir()
        kept = {name: os.environ[name] for name in _NEEDED if name in os.environ}
        own = {"HOME": str(home), "USERPROFILE": str(home), "PATH": str(path)}
        env = {**kept, **own, **dict(pair.split("=", 1) for pair in wanted.env)}
        host = Host(command=(os.path.abspath(program), *rest), folder=folder, env=env)  # noqa: PTH100  # a venv's python is a symlink to keep
        try:
            check(host)
        except CheckError as error:
            sys.exit(f"FAILED: {check.__doc__}\n{error}")
    sys.stdout.write(f"ok: {check.__doc__}\n")


# Its own process group, so that nothing that the host starts outlives the check.
_OWN_GROUP: dict[str, Any]
if sys.platform == "win32":
    _CTRL_C, _OWN_GROUP = signal.CTRL_BREAK_EVENT, {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
else:
    _CTRL_C, _OWN_GROUP = signal.SIGINT, {"start_new_session": True}


def _wait_for(pattern: str, child: subprocess.Popen[bytes], log: Path) -> re.Match[str]:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        ended = child.poll() is not None
        text = log.read_text("utf-8", "replace")
        if found := re.search(pattern, text):
            return found
        if ended:
            raise CheckError(f"the server ended with exit code {child.returncode}:\n{text[-4000:]}")
        time.sleep(0.05)
    raise CheckError(f"the server does not say {pattern!r}:\n{text[-4000:]}")


def _kill(child: subprocess.Popen[bytes]) -> None:
    """Kill the host and all processes it started that are still running."""
    if sys.platform == "win32":
        child.kill()
    else:
        with suppress(ProcessLookupError, PermissionError):  # macOS answers EPERM for a group of zombies
            os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def _text(stream: IO[bytes]) -> str:
    stream.seek(0)
    return stream.read().decode("utf-8", "replace")

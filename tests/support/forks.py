"""The command in forks of a process that has already imported all of it.

Each run is a separate process with its own environment, directory, output and exit code. It starts in a few
milliseconds, while a new interpreter needs several hundred for the imports of a build.
"""

from __future__ import annotations

import atexit
import json
import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Lock, Timer
from typing import TYPE_CHECKING

from .processes import Result, callers_environment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

# The server: a request is a line of JSON with the child's standard input, output and error output; the answer is the
# child's number, then its exit code.
SERVER = """
import gc, importlib, json, os, pkgutil, runpy, socket, sys

import onebin

elsewhere = ("onebin.__main__", "onebin.freeze.driver", "onebin.check.conformance")
elsewhere += ("onebin.python.foreign.program",)  # loads lief, which would say at the end what gc.freeze has kept of it
for module in pkgutil.walk_packages(onebin.__path__, "onebin."):
    if not module.name.startswith(elsewhere):
        importlib.import_module(module.name)
gc.collect()
gc.freeze()

connection = socket.socket(fileno=int(sys.argv[1]))
while True:
    received, streams, _, _ = socket.recv_fds(connection, 65536, 3)
    while received and not received.endswith(b"\\n"):
        received += connection.recv(65536)
    if not received:
        sys.exit()
    child = os.fork()
    if not child:
        break
    for stream in streams:
        os.close(stream)
    connection.sendall(b"%d\\n" % child)
    connection.sendall(b"%d\\n" % os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))

connection.close()
for number, stream in enumerate(streams):
    os.dup2(stream, number)
    os.close(stream)
request = json.loads(received)
os.chdir(request["cwd"])
os.environ.clear()
os.environ.update(request["env"])
sys.argv[1:] = request["arguments"]
runpy.run_module("onebin", run_name="__main__", alter_sys=True)
"""

# Variables that are read only when an interpreter starts.
_OF_THE_INTERPRETER = ("PYTHON", "LC_", "LANG")


def can_fork(given: Mapping[str, str]) -> bool:
    """Return whether a fork behaves like a new process with these additions to the environment."""
    return sys.platform == "linux" and not any(name.startswith(_OF_THE_INTERPRETER) for name in given)


def run_forked(arguments: Sequence[str | Path], *, cwd: Path, whole_env: Mapping[str, str], seconds: float) -> Result:
    """Run onebin with arguments in a fork until it exits, with no input; raises TimeoutExpired."""
    return _server().run([str(each) for each in arguments], cwd=cwd, env=whole_env, seconds=seconds)


@dataclass(frozen=True, kw_only=True)
class _Server:
    connection: socket.socket
    lock: Lock

    def run(self, arguments: list[str], *, cwd: Path, env: Mapping[str, str], seconds: float) -> Result:
        request = json.dumps({"arguments": arguments, "cwd": str(cwd), "env": dict(env)}).encode() + b"\n"
        with self.lock, _pipe() as (out, out_end), _pipe() as (err, err_end):
            with Path(os.devnull).open("rb") as nothing:
                socket.send_fds(self.connection, [request], [nothing.fileno(), out_end, err_end])
            os.close(out_end)
            os.close(err_end)
            with self.connection.makefile("r") as answers, ThreadPoolExecutor(2) as pool:
                child = int(answers.readline())
                timer = Timer(seconds, os.kill, (child, 9))
                timer.start()
                ended = pool.map(_read, (out, err))
                code = int(answers.readline())
                printed = [each.decode() for each in ended]
                is_late = timer.finished.is_set()
                timer.cancel()
        if is_late:
            raise subprocess.TimeoutExpired(arguments, seconds)
        return Result(code=code, out=printed[0], err=printed[1])


@cache
def _server() -> _Server:
    ours, theirs = socket.socketpair()
    with theirs:
        number = str(theirs.fileno())
        process = subprocess.Popen(
            [sys.executable, "-c", SERVER, number],
            env=callers_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=None,
            pass_fds=[theirs.fileno()],
        )

    def end() -> None:
        ours.close()
        process.wait(timeout=30)

    atexit.register(end)
    return _Server(connection=ours, lock=Lock())


@contextmanager
def _pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    try:
        yield reading, writing
    finally:
        os.close(reading)


def _read(end: int) -> bytes:
    with open(end, "rb", closefd=False) as stream:
        return stream.read()

"""The process that runs the code of an isolated plugin: start it, ask it, end it, and restart it.

It is a `multiprocessing` process with the start method "spawn". It ends with its host, even if the host is killed.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from importlib import import_module
from multiprocessing import get_context, parent_process, util
from multiprocessing.connection import wait
from time import monotonic, sleep

from onebin_runtime._errors import PluginCrashed, PluginTimeout
from onebin_runtime._privileged import is_privileged
from onebin_runtime._trace import now, trace
from onebin_runtime.isolation._crossing import LostError, Peer, SilentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnProcess
    from typing import Any, NoReturn

# A process gets at least this long to start and import its plugin.
START_SECONDS = 60.0
# From the second failure in a row the pause before a restart doubles each time. A process that lives longer than the
# longest pause resets the count.
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0
# How long a process gets to end by itself when its host ends.
GRACE_SECONDS = 1.0


class _Running:
    """A started process and the connection to it."""

    def __init__(self, worker: Worker, generation: int) -> None:
        context = get_context("spawn")
        ours, theirs = context.Pipe()
        self.generation = generation
        self.since = monotonic()
        self.host = os.getpid()
        self.process: SpawnProcess = context.Process(target=work, args=(theirs,), name=f"onebin: {worker.title}")
        self.process.start()
        theirs.close()
        self.peer = Peer(ours, ask=self._ask_for_borrowed, foreign=worker.foreign)
        self.is_over = False
        self._worker = worker
        self._at_exit = util.Finalize(None, self._end_with_host, exitpriority=10)

    @property
    def is_alive(self) -> bool:
        """Whether it can be asked: it may have ended, or belong to the host that this process was forked from."""
        return self.host == os.getpid() and self.process.is_alive()

    def _ask_for_borrowed(self, operation: str, *arguments: object) -> Any:
        return self._worker.ask(operation, *arguments, generation=self.generation)

    def kill(self) -> int | None:
        """Kill the process and return its exit code."""
        self._at_exit.cancel()
        if self.host == os.getpid():
            self.process.kill()
            self.process.join()
        self.peer.connection.close()
        return self.process.exitcode if self.host == os.getpid() else None

    def ended(self) -> int | None:
        """Wait for a process whose connection is lost, and return its exit code."""
        if self.host == os.getpid():
            self.process.join(GRACE_SECONDS)
        return self.kill()

    def _end_with_host(self) -> None:
        """Close the connection, so that an idle process ends by itself; kill a busy one."""
        self.is_over = True
        if self._worker.lock.acquire(blocking=False):
            self._worker.lock.release()
            self.peer.connection.close()
            self.process.join(GRACE_SECONDS)
        self.kill()


class Worker:
    """The process of one plugin: started by the first question, and restarted after it has ended.

    `timeout` limits one question, in seconds. Threads wait for each other. Raises PluginCrashed and PluginTimeout;
    after either, the next question goes to a new process.
    """

    def __init__(self, title: str, *, timeout: float, foreign: tuple[str, ...]) -> None:
        self.title = title
        self.foreign = foreign
        self.lock = threading.RLock()
        self._timeout = timeout
        self._running: _Running | None = None
        self._generation = 0
        self._failures = 0
        self._not_before = 0.0

    def start(self) -> int:
        """Start the process unless it is running; return its generation, counted from 1."""
        with self.lock:
            if self._running is not None and not self._running.is_alive:
                self._failed(self._running)
            if self._running is None:
                if is_privileged():
                    message = "this program has more rights than its user (setuid, setgid)"
                    raise PluginCrashed(f"plugin {self.title} cannot be isolated: {message}")
                if self._failures > 1:
                    sleep(max(0.0, self._not_before - monotonic()))
                since = now()
                self._generation += 1
                self._running = _Running(self, self._generation)
                trace(f"start a process for plugin {self.title}", since)
            return self._running.generation

    def ask(self, operation: str, *arguments: object, generation: int | None = None) -> Any:
        """Return the answer of the process; with `generation`, only of that process and of no later one."""
        with self.lock:
            if generation not in (None, self._generation) or (generation and self._running is None):
                raise PluginCrashed(f"the process of plugin {self.title} that held this object has ended")
            self.start()
            running = self._running
            assert running is not None  # noqa: S101  # for the type checker
            seconds = max(START_SECONDS, self._timeout) if operation == "look" else self._timeout
            what = next((f"{word}()" for word in arguments[1:2] if operation == "call"), operation)
            try:
                return running.peer.ask(operation, *arguments, seconds=seconds)
            except SilentError:
                self._failed(running)
                running.kill()
                message = f"plugin {self.title} did not answer within {seconds:g} s ({what}), so its process was killed"
                raise PluginTimeout(message) from None
            except LostError:
                if running.is_over:
                    _wait_for_the_end()
                self._failed(running)
                how = _how(running.ended())
                raise PluginCrashed(f"the process of plugin {self.title} {how} ({what})") from None
            except Exception:
                if running.is_over:
                    _wait_for_the_end()
                raise  # the plugin's own error, or one of pickling: the connection is still in step
            except BaseException:
                self._forget(running)
                running.kill()  # for example Ctrl-C: the pending answer would be taken for the next question's
                raise

    def drop(self, generation: int, number: int) -> None:
        """Record that an object of one process is no longer needed, without sending anything."""
        running = self._running
        if running is not None and running.generation == generation:
            running.peer.dropped.append(number)

    def _forget(self, running: _Running) -> None:
        if self._running is running:
            self._running = None

    def _failed(self, running: _Running) -> None:
        self._forget(running)
        self._failures = 1 if monotonic() - running.since > LONGEST_PAUSE else self._failures + 1
        self._not_before = monotonic() + min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(self._failures - 2, 30))


def _wait_for_the_end() -> NoReturn:
    """Block this thread while the host ends; only daemon threads get here.

    Raising an error would print it during interpreter shutdown, which can crash the interpreter.
    """
    while True:
        threading.Event().wait()


def _how(code: int | None) -> str:
    """Say how a process ended, from its exit code."""
    if code is None:
        return "ended"
    try:
        return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
    except ValueError:
        return f"was killed by signal {-code}"


def work(connection: Connection[Any, Any]) -> None:
    """Serve a host until it closes the connection: the main function of the process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the host, which then closes the connection
    _end_with_host()
    stand_in = sys.modules.get("onebin_runtime._stand_in")
    if stand_in is not None:
        stand_in.remove()
    Plugins(connection).peer.serve()


def _end_with_host() -> None:
    """End when the host is gone, whatever this process is doing at that time."""
    host = parent_process()
    if host is None:
        return
    sentinel = host.sentinel

    def watch() -> None:
        wait([sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    if hasattr(signal, "SIGIO"):
        # No thread runs while C code holds the GIL, but a signal still ends the process.
        import fcntl

        signal.signal(signal.SIGIO, signal.SIG_DFL)
        fcntl.fcntl(sentinel, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(sentinel, fcntl.F_SETFL, fcntl.fcntl(sentinel, fcntl.F_GETFL) | os.O_ASYNC)


class Plugins:
    """The questions that a host may ask its worker."""

    def __init__(self, connection: Connection[Any, Any]) -> None:
        operations: dict[str, Callable[..., Any]] = {
            "look": self.look,
            "make": self.make,
            "take": self.take,
            "call": self.call,
            "get": self.get,
        }
        self.peer = Peer(connection, operations)

    def look(self, module: str, attributes: list[str]) -> tuple[str | None, list[dict[str, Any]]]:
        """Import a module; return its docstring, and the names and docstring of each attribute."""
        imported = import_module(module)
        facts = []
        for attribute in attributes:
            symbol = _resolve(f"{module}:{attribute}")
            names = ("__name__", "__qualname__", "__module__", "__doc__")
            known = {name: getattr(symbol, name, None) for name in names}
            facts.append({name: value for name, value in known.items() if isinstance(value, str)})
        return imported.__doc__, facts

    def make(self, value: str, arguments: tuple[Any, ...], named: dict[str, Any]) -> int:
        """Call a factory and return the number of the new object."""
        return self.peer.lend(_resolve(value)(*arguments, **named))

    def take(self, value: str) -> int:
        """Return the number of the symbol itself."""
        return self.peer.lend(_resolve(value))

    def call(self, number: int, method: str, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """Call a method and return its result, awaited if necessary."""
        result = getattr(self.peer.lent[number], method)(*arguments, **named)
        if hasattr(type(result), "__await__"):
            import asyncio

            return asyncio.run(_awaited(result))
        return result

    def get(self, number: int, attribute: str) -> Any:
        """Return the value of an attribute."""
        return getattr(self.peer.lent[number], attribute)


async def _awaited(result: Any) -> Any:
    return await result


def _resolve(value: str) -> Any:
    module, _, attribute = value.partition(":")
    found: Any = import_module(module)
    for part in filter(None, attribute.split(".")):
        found = getattr(found, part)
    return found

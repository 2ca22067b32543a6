"""Isolated plugins without a bundle: stand-ins for contracts, pauses before restarts, and processes that crash."""

from __future__ import annotations

import inspect
import os
import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from onebin_runtime.isolation import PluginCrashed, _worker, isolated, members_of

if TYPE_CHECKING:
    from pathlib import Path

PLUGIN = '''
"""A plugin of the tests."""
import os

class Adder:
    """Adds."""
    step = 2
    def add(self, number): return number + self.step
    def pid(self): return os.getpid()
    def leave(self): os._exit(0)

def shout(text):
    """Say it loud."""
    return text.upper()

quiet = Adder()
'''


class Base(ABC):
    """The contract of the tests' plugin."""

    step = 0

    @abstractmethod
    def add(self, number: int) -> int:
        """Return a larger number."""

    @abstractmethod
    def pid(self) -> int:
        """Return the ID of the process."""

    @abstractmethod
    def leave(self) -> None:
        """End the process."""


class Plain:
    """The same contract as a class that is not abstract."""

    def __init__(self) -> None:
        raise AssertionError("the host does not call this")

    def add(self, number: int) -> int:
        """Return a larger number."""
        raise NotImplementedError


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the name of a module that only the plugin's process imports."""
    name = f"isolated_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text(PLUGIN, "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    return name


def test_stand_in_has_exactly_the_members_of_its_contract(plugin: str) -> None:
    """A stand-in is an instance of the contract, with only the contract's members and signatures."""
    adder: Any = isolated(f"{plugin}:Adder", Base)()
    assert isinstance(adder, Base)
    assert (adder.add(1), adder.step) == (3, 2)
    assert str(inspect.signature(adder.add)) == "(number: 'int') -> 'int'"
    assert not hasattr(adder, "subtract")
    with pytest.raises(AttributeError):
        adder.step = 5
    plain: Any = isolated(f"{plugin}:Adder", Plain)()
    assert isinstance(plain, Plain)
    assert plain.add(1) == 3
    assert members_of(Base) == {"add": True, "leave": True, "pid": True, "step": False}


def test_instance_or_function_can_be_isolated(plugin: str) -> None:
    """An extension point can provide an instance or a plain function instead of a factory."""
    quiet = isolated(f"{plugin}:quiet", Base, provides="instance")
    assert quiet.add(1) == 3
    shout = isolated(f"{plugin}:shout", Callable[[str], str], provides="instance")
    assert shout("hello") == "HELLO"


def test_failed_import_is_reported_immediately(plugin: str) -> None:
    """A missing module or attribute raises its usual error immediately, not at the first call."""
    with pytest.raises(AttributeError, match="Missing"):
        isolated(f"{plugin}:Missing", Base)
    with pytest.raises(ModuleNotFoundError, match="isolated_nowhere"):
        isolated("isolated_nowhere:Missing", Base)


def test_pauses_before_restarts_double(plugin: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first restart is immediate; then the pauses double, up to the longest pause."""
    adder: Any = isolated(f"{plugin}:Adder", Base)()
    clock = [time.monotonic()]
    pauses: list[float] = []
    monkeypatch.setattr(_worker, "sleep", pauses.append)
    monkeypatch.setattr(_worker, "monotonic", lambda: clock[0])
    monkeypatch.setattr(_worker, "LONGEST_PAUSE", 0.3)
    for _ in range(5):
        with pytest.raises(PluginCrashed, match="with exit code 0"):
            adder.leave()
        assert adder.add(1) == 3
    assert pauses == pytest.approx([0.1, 0.2, 0.3, 0.3])
    clock[0] += 1
    with pytest.raises(PluginCrashed):
        adder.leave()
    assert adder.add(1) == 3
    assert len(pauses) == 4, "a process that has run for long enough resets the pauses"


def test_process_that_ends_between_calls_is_replaced(plugin: str) -> None:
    """If the process is killed while idle, the next call goes to a new one."""
    adder: Any = isolated(f"{plugin}:Adder", Base)()
    first = adder.pid()
    os.kill(first, signal.SIGTERM)
    remote = vars(adder)["_remote"]
    remote._worker._running.process.join()  # noqa: SLF001  # only this process can wait for its child
    assert adder.pid() != first


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_forked_host_gets_its_own_process(plugin: str) -> None:
    """After a fork, both host processes continue, each with its own plugin process."""
    adder: Any = isolated(f"{plugin}:Adder", Base)()
    before = adder.pid()
    child = os.fork()
    if not child:
        try:
            ended = 0 if adder.pid() != before and adder.add(1) == 3 else 1
        finally:
            os._exit(ended)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert adder.pid() == before

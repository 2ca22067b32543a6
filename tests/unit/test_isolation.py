"""Isolation by itself: what stands for a contract, the pauses before restarts, and a process that ends unasked."""

from __future__ import annotations

import inspect
import os
import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from onebin_runtime import _worker
from onebin_runtime.isolation import PluginCrashed, isolated, members_of

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
    """What the tests ask of a plugin."""

    step = 0

    @abstractmethod
    def add(self, number: int) -> int:
        """Return a larger number."""

    @abstractmethod
    def pid(self) -> int:
        """Return the number of the process."""

    @abstractmethod
    def leave(self) -> None:
        """End the process."""


class Plain:
    """The same, as a class that is not abstract."""

    def __init__(self) -> None:
        raise AssertionError("the host makes none")

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


def test_what_stands_for_a_plugin_has_the_members_of_its_contract(plugin: str) -> None:
    """It is an instance of an ABC or class, with the contract's members and signatures and no others."""
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


def test_an_instance_or_a_function_may_be_isolated(plugin: str) -> None:
    """What an extension point provides may be the object itself; one of a callable type is called."""
    quiet = isolated(f"{plugin}:quiet", Base, provides="instance")
    assert quiet.add(1) == 3
    shout = isolated(f"{plugin}:shout", Callable[[str], str], provides="instance")
    assert shout("hello") == "HELLO"


def test_what_does_not_import_is_an_error_at_once(plugin: str) -> None:
    """A module or attribute that is not there is what it is anywhere else."""
    with pytest.raises(AttributeError, match="Missing"):
        isolated(f"{plugin}:Missing", Base)
    with pytest.raises(ModuleNotFoundError, match="isolated_nowhere"):
        isolated("isolated_nowhere:Missing", Base)


def test_restarts_pause_longer_each_time(plugin: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first restart is at once; then the pauses double, and never grow beyond the longest."""
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
    assert len(pauses) == 4, "a process that has lived for long ends the row"


def test_a_process_that_ended_between_two_calls_is_no_error(plugin: str) -> None:
    """If somebody ends the process while it waits, the next call goes to a new one."""
    adder: Any = isolated(f"{plugin}:Adder", Base)()
    first = adder.pid()
    os.kill(first, signal.SIGTERM)
    remote = vars(adder)["_remote"]
    remote._worker._running.process.join()  # noqa: SLF001  # it is this process's child, and nobody else can wait for it
    assert adder.pid() != first


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_host_has_a_process_of_its_own(plugin: str) -> None:
    """After a fork both hosts go on, each with its own process."""
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

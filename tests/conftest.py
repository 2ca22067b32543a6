"""Fixtures that all tests share: real projects, real processes, and build results that are made once a session."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

from onebin.python.interpreter import installed, is_new_enough

pytest.register_assert_rewrite("support")

from support.command import Onebin  # noqa: E402  # its asserts are rewritten, as those of tests are
from support.projects import PROJECTS  # noqa: E402  # as above

if TYPE_CHECKING:
    from collections.abc import Mapping


# The files whose tests take the longest, in the order in which they start.
LONGEST = (
    "test_hosts.py",
    "test_reproducible.py",
    "test_isolation.py",
    "test_changed_line.py",
    "test_bundle.py",
    "test_parity.py",
    "test_runtime.py",
    "test_rebuild.py",
    "test_kill.py",
    "test_target.py",
    "test_inspect.py",
    "test_vendor.py",
    "test_sizes.py",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what tests are told by `make soak` (tests/soak) and `make launcher-check` (those of the launcher)."""
    parser.addoption("--soak", action="store_true", help="the long form of the long tests")
    parser.addoption("--launcher", metavar="PLATFORM", help="test another platform's launcher: the kernel emulates it")
    parser.addoption("--seed", type=int, default=6, help="of what the long tests choose at random")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the files with the longest tests come first, so that the workers finish together."""
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))


def pytest_configure() -> None:
    """Let SIGINT reach what tests start: a shell that starts them in the background has it ignored."""
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


class Build(Protocol):
    """Compiles C source into a shared library, or with other options into anything else."""

    def __call__(self, file: Path, source: str, *options: str) -> Path:
        """Return the file that was made; raises CalledProcessError."""


@pytest.fixture(scope="session")
def build() -> Build:
    """Return what makes ELF files of glibc, by the machine's own compiler."""
    if sys.platform != "linux" or shutil.which("gcc") is None:
        pytest.skip("needs gcc for ELF files of glibc")

    def compiled(file: Path, source: str, *options: str) -> Path:
        command = ["gcc", "-x", "c", "-", "-o", str(file), "-fPIC", *(options or ("-shared",))]
        subprocess.run(command, input=source.encode(), check=True, capture_output=True)
        return file

    return compiled


@pytest.fixture(scope="session")
def interpreters() -> Mapping[str, Path]:
    """Return an interpreter of each minor version that can be frozen, by that version."""
    return {each.minor: each.executable for each in installed() if is_new_enough(each)}


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory that all workers of this session share."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base


@pytest.fixture(scope="session")
def onebin(shared: Path) -> Onebin:
    """Return the command line; workers share its cache, so a stage or freeze is made once for all."""
    return Onebin(cache=shared / "cache")


@pytest.fixture
def projects(tmp_path: Path) -> Path:
    """Return a private copy of the tiny hosts and plugins."""
    return Path(shutil.copytree(PROJECTS, tmp_path / "projects"))

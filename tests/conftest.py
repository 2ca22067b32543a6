"""Fixtures for all tests: real projects, real processes, and build results that are made once per session."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import hypothesis
import pytest

from onebin.python.discovery import installed, is_new_enough

pytest.register_assert_rewrite("support")

from support.browsers import browser  # noqa: E402  # as below
from support.command import Onebin  # noqa: E402  # pytest rewrites its asserts, as in tests
from support.projects import PROJECTS  # noqa: E402  # as above

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from selenium.webdriver import Chrome


# A machine that does other things, too, is no failure.
hypothesis.settings.register_profile("any machine", deadline=None)
hypothesis.settings.load_profile("any machine")

# The files whose tests take the longest, in the order in which they start.
LONGEST = (
    "test_hosts.py",
    "test_kill.py",
    "test_installed.py",
    "test_changed_line.py",
    "test_collect.py",
    "test_bundle.py",
    "test_reproducible.py",
    "test_isolation.py",
    "test_documents.py",
    "test_target.py",
    "test_vendor.py",
    "test_inventory.py",
    "test_runtime.py",
    "test_rebuild.py",
    "test_interrupt.py",
    "test_quiet_exit.py",
    "test_starter.py",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options that `make soak` (tests/soak) and `make launcher-check` (the launcher's tests) use."""
    parser.addoption("--soak", action="store_true", help="run the long tests in full")
    parser.addoption("--launcher", metavar="PLATFORM", help="test another platform's launcher by emulation")
    parser.addoption("--seed", type=int, default=6, help="seed of the random choices in the long tests")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave long tests out of a short run, and begin with the longest files, so that all workers end together."""
    if not config.getoption("--soak"):
        long = [item for item in items if item.get_closest_marker("long")]
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))


def pytest_configure() -> None:
    """Let SIGINT reach the processes that tests start: a shell makes its background jobs ignore it."""
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


class Build(Protocol):
    """Compiles C source into a shared library, or into another kind of file with other options."""

    def __call__(self, file: Path, source: str, *options: str) -> Path:
        """Compile a file and return it; raises CalledProcessError."""


@pytest.fixture(scope="session")
def build() -> Build:
    """Return a function that makes ELF files which need glibc, with the machine's own compiler."""
    if sys.platform != "linux" or shutil.which("gcc") is None:
        pytest.skip("needs gcc to make ELF files that need glibc")

    def compiled(file: Path, source: str, *options: str) -> Path:
        command = ["gcc", "-x", "c", "-", "-o", str(file), "-fPIC", *(options or ("-shared",))]
        subprocess.run(command, input=source.encode(), check=True, capture_output=True)
        return file

    return compiled


@pytest.fixture(scope="session")
def interpreters() -> Mapping[str, Path]:
    """Return one interpreter for each minor version that can be frozen, by version."""
    return {each.minor: each.executable for each in installed() if is_new_enough(each)}


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory that all workers of this session share."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base


@pytest.fixture(scope="session")
def onebin(shared: Path) -> Onebin:
    """Return the command line; workers share its cache, so each stage and freeze is made only once."""
    return Onebin(cache=shared / "cache")


@pytest.fixture(scope="session")
def chrome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """Return a browser; skip the test if this machine has none."""
    with browser(tmp_path_factory.mktemp("profile")) as running:
        yield running


@pytest.fixture
def projects(tmp_path: Path) -> Path:
    """Return a private copy of the tiny hosts and plugins."""
    return Path(shutil.copytree(PROJECTS, tmp_path / "projects"))

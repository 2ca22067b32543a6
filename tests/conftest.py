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
from support.platforms import MINOR, is_emulated  # noqa: E402  # as above
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
    """Add the options that `make soak` (tests/soak) and `make platforms` (launcher and starter) use."""
    parser.addoption("--soak", action="store_true", help="run the long tests in full")
    parser.addoption("--platform", metavar="PLATFORM", help="test launcher and starter of another platform")
    parser.addoption("--seed", type=int, default=6, help="seed of the random choices in the long tests")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what this run cannot show, and begin with the longest files, so that all workers end together."""
    left_out = [item for item in items if not _is_wanted(item, config)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))


def _is_wanted(item: pytest.Item, config: pytest.Config) -> bool:
    """Return whether a test is for this run; one with a tree is for one version of Python on another platform."""
    parameters = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
    if config.getoption("--platform") and "tree" in parameters:
        return parameters["tree"] == MINOR
    return bool(config.getoption("--soak")) or item.get_closest_marker("long") is None


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what an emulator does otherwise than the system does."""
    platform, marker = item.config.getoption("--platform"), item.get_closest_marker("native")
    if marker is not None and platform and is_emulated(platform):
        pytest.skip(f"under an emulator: {marker.args[0]}")


def pytest_configure() -> None:
    """Let signals reach what tests start: a shell makes its background jobs ignore SIGINT, and nohup SIGHUP."""
    if threading.current_thread() is not threading.main_thread():
        return
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    hangup = getattr(signal, "SIGHUP", None)  # not on Windows
    if hangup is not None and signal.getsignal(hangup) is signal.SIG_IGN:
        signal.signal(hangup, signal.SIG_DFL)


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

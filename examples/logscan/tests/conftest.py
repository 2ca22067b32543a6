"""The command `logscan`, installed in an environment of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from filelock import FileLock
from uv import find_uv_bin

from .command import Logscan
from .example import PROJECTS

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def logscan(tmp_path_factory: pytest.TempPathFactory) -> Logscan:
    """Return the command, installed with its plugins as wheels; all workers of a test run share the installation."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    venv = shared / "logscan-venv"
    is_installed = shared / "logscan-venv.installed"
    with FileLock(shared / "logscan-venv.lock"):
        if not is_installed.exists():
            uv = find_uv_bin()
            install = [uv, "pip", "install", "--quiet", "--python", str(venv)]
            subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, venv], check=True)
            # Six projects share one build environment: making one for each takes longer than everything else together.
            subprocess.run([*install, "hatchling"], check=True)
            # uv would reuse the wheel of a directory until its pyproject.toml changes.
            fresh = [argument for name in PROJECTS for argument in ("--refresh-package", name)]
            subprocess.run([*install, "--no-build-isolation", *fresh, *map(str, PROJECTS.values())], check=True)
            is_installed.touch()
    scripts = venv / ("Scripts" if sys.platform == "win32" else "bin")
    return Logscan(executable=scripts / "logscan")


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Let Ctrl-C reach the processes that a test starts: a shell makes its background jobs ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)

"""The sources of logscan, importable; and logscan installed, in an environment of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from filelock import FileLock
from uv import find_uv_bin

from .command import Logscan
from .example import EXAMPLE, PROJECTS

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module", autouse=True)
def sources() -> Iterator[None]:
    """Make the sources importable, for the tests of this module only."""
    with pytest.MonkeyPatch.context() as patch:
        for project in PROJECTS.values():
            patch.syspath_prepend(project / "src")
        patch.syspath_prepend(EXAMPLE)
        yield
    for name in [name for name in sys.modules if name.startswith(("logscan", "sample_logs"))]:
        del sys.modules[name]


@pytest.fixture(scope="session")
def logscan(tmp_path_factory: pytest.TempPathFactory) -> Logscan:
    """Install host and plugins as wheels into an environment that all workers of a test run share."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    venv = shared / "logscan-venv"
    is_installed = shared / "logscan-venv.installed"
    with FileLock(shared / "logscan-venv.lock"):
        if not is_installed.exists():
            uv = find_uv_bin()
            subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, venv], check=True)
            # uv would keep the wheel of a directory until its pyproject.toml changes.
            fresh = [argument for name in PROJECTS for argument in ("--refresh-package", name)]
            install = [uv, "pip", "install", "--quiet", "--python", str(venv), *fresh]
            subprocess.run([*install, *map(str, PROJECTS.values())], check=True)
            is_installed.touch()
    scripts = venv / ("Scripts" if sys.platform == "win32" else "bin")
    return Logscan(scripts / "logscan")

"""Other platforms in tests: their interpreters, which `make platforms` puts below build/platforms, and how they run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from onebin.cache import Cache
from onebin.platforms import PLATFORMS, Runner, runner_of
from onebin.python import find_foreign

if TYPE_CHECKING:
    from onebin.python import Interpreter

PREPARED = Path(__file__).parents[2] / "build" / "platforms"
MINOR = "3.11"  # of the interpreters there


def is_emulated(platform: str) -> bool:
    """Return whether programs of a platform are run here by something other than the system."""
    runner = runner_of(PLATFORMS[platform], brings_loader=True)
    return runner is not None and runner != Runner.native()


def prepared(platform: str) -> Path:
    """Return the folder of a platform's interpreter; skip the test if it is not there."""
    folder = PREPARED / platform
    if not folder.is_dir():
        pytest.skip(f"needs the Python for {platform} that `make platforms` prepares")
    return folder


def foreign(platform: str, cache: Path) -> Interpreter:
    """Return a platform's interpreter, whose programs then run here; skip the test if they cannot."""
    target, folder = PLATFORMS[platform], prepared(platform)
    found = find_foreign(target, MINOR, str(folder), directory=PREPARED, cache=Cache(cache))
    if runner_of(target, brings_loader=is_emulated(platform)) is None:
        pytest.skip(f"this machine cannot run programs for {platform}")
    if is_emulated(platform):
        # Where qemu looks for loader and libraries. It does so with the rights of the real user, also for a program
        # that has more, so this is not the copy in the cache.
        os.environ["QEMU_LD_PREFIX"] = str(folder)
    return found

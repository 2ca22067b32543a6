"""Caches that begin with what every build on this machine would make first, and take ten seconds to make."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

# What depends on no bundle. An entry that another run is still making has another name.
_COMMON = ("frames", "interpreters", "scans", "toolchains")
_HALF_MADE = shutil.ignore_patterns("*.partial", "*.partial-*")


def lend(kept: Path, cache: Path, *, to_change: bool = False) -> None:
    """Give a new cache what an older one has of these: links to its files, or copies that a test may change."""
    for kind in _COMMON:
        if (kept / kind).is_dir():
            copy = shutil.copy2 if to_change else os.link
            shutil.copytree(kept / kind, cache / kind, symlinks=True, ignore=_HALF_MADE, copy_function=copy)

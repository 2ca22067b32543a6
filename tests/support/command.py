"""The real command line, run as a user would run it."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .processes import run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from .processes import Result

COMMAND = (sys.executable, "-m", "onebin")


@dataclass(frozen=True, kw_only=True)
class Onebin:
    """The command with a cache that only this test session uses."""

    cache: Path

    def __call__(
        self,
        *arguments: str | Path,
        cwd: Path,
        env: Mapping[str, str] | None = None,
        under: Sequence[str | Path] = (),
    ) -> Result:
        """Run onebin with arguments in a directory, with additional variables in `env` and `under` another program."""
        own = {"ONEBIN_CACHE_DIR": str(self.cache), **(env or {})}
        return run([*under, *COMMAND, *arguments], cwd=cwd, env=own)

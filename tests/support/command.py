"""The real command line, run as a user would run it."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .forks import can_fork, run_forked
from .processes import RUN_SECONDS, callers_environment, run

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
        """Run onebin with arguments in a directory, with additional variables in `env` and `under` another program.

        Without `under`, it runs in a fork of a process that has already imported onebin, and one run after the other.
        """
        own = {"ONEBIN_CACHE_DIR": str(self.cache), **(env or {})}
        if not under and can_fork(own):
            return run_forked(arguments, cwd=cwd, whole_env={**callers_environment(), **own}, seconds=RUN_SECONDS)
        return run([*under, *COMMAND, *arguments], cwd=cwd, env=own)

    def process(self, *arguments: str | Path, cwd: Path) -> Result:
        """Run onebin in a new interpreter, beside other runs."""
        return run([*COMMAND, *arguments], cwd=cwd, env={"ONEBIN_CACHE_DIR": str(self.cache)})

"""What to try, as plain data."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from onebin.pipeline import BuildRequest  # noqa: TC001  # pydantic reads the types of these fields


@dataclass(frozen=True, kw_only=True)
class BisectRequest:
    """A command that fails with a bundle.

    `command` is a list of words; {artifact} in them is the program. It runs in `directory`, for `timeout` seconds at
    most; after that, it counts as `timeout_is`. Its exit code says how it went: 0 is good, 125 cannot be judged (as for
    `git bisect run`), anything else is bad. The host is run unfrozen, in its stage, unless `frozen` asks for artifacts.
    """

    build: BuildRequest
    command: tuple[str, ...]
    directory: Path = field(default_factory=Path.cwd)
    timeout: float = 600.0
    timeout_is: Literal["bad", "skip"] = "bad"
    frozen: bool = False

"""The results of requests, as plain data that can be stored or sent to another machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path  # noqa: TC003  # pydantic reads the types of these fields

from onebin.card import Facts, HostFacts, PluginFacts  # noqa: TC001  # pydantic reads the types of these fields
from onebin.check import Precedence  # noqa: TC001  # pydantic reads the types of these fields
from onebin.measure import Costs  # noqa: TC001  # pydantic reads the types of these fields
from onebin.pipeline.events import StepFinished  # noqa: TC001  # pydantic reads the types of these fields


@dataclass(frozen=True, kw_only=True)
class PlanResult:
    """A bundle that passed every check before the freeze.

    `plugins` are in the order of registration; `precedences` and `graph` (lines to print) say how it was determined.
    """

    name: str
    host: HostFacts
    plugins: tuple[PluginFacts, ...]
    precedences: tuple[Precedence, ...]
    graph: tuple[str, ...]
    notices: tuple[str, ...]
    lock_sha256: str


@dataclass(frozen=True, kw_only=True)
class LockResult:
    """A lock that matches its manifest: its file and that file's SHA-256, its packages, and what this run changed.

    A local project has no version; `changes` are lines to print, and so are `notices`, on versions that may surprise.
    """

    file: Path
    sha256: str
    packages: tuple[dict[str, str | None], ...]
    changes: tuple[str, ...]
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class BuildResult:
    """A published artifact and the facts on its card; `is_new` is False if it existed and was up to date.

    `size` is that of the file, or of all files of a folder, in bytes; `size_before` that of what was replaced, if
    anything was. `costs` are its bytes by owner, and the times that were measured. `seconds` is how long it took,
    `steps` has each step in order, with its own seconds.
    """

    file: Path
    facts: Facts
    is_verified: bool
    is_new: bool
    size: int
    size_before: int | None
    costs: Costs
    seconds: float
    steps: tuple[StepFinished, ...]
    notices: tuple[str, ...] = ()

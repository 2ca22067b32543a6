"""What was tried and what was found, as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["good", "bad", "skip"]


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One run of the command, with some plugins of the manifest and, perhaps, with one version of a package.

    `ended` says how, such as "exit code 3", or why it could not be tried; `exit_code` is negative after a signal, and
    None if the command did not run or did not end. `output` is the end of what it printed.
    """

    number: int
    plugins: tuple[str, ...]
    version: str | None
    verdict: Verdict
    ended: str
    exit_code: int | None
    output: str
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Culprit:
    """A plugin without which the command did not fail, or that such a plugin requires (`is_required`)."""

    name: str
    distribution: str
    version: str
    is_required: bool


@dataclass(frozen=True, kw_only=True)
class PluginBisection:
    """The smallest set of plugins that was found to make the command fail.

    `summary` is one line for a bug report; `output` is the end of what the command printed with just these plugins.
    """

    command: str
    culprits: tuple[Culprit, ...]
    summary: str
    output: str
    trials: tuple[Trial, ...]


@dataclass(frozen=True, kw_only=True)
class VersionBisection:
    """The first version of a package with which the command fails.

    `last_good` is the version before it; None if it fails with every version. Versions between these two are in
    `skipped`: they could not be tried. `changes` has a line for each other package that differs between the two.
    `summary` and `output` are as for plugins.
    """

    command: str
    package: str
    first_bad: str
    last_good: str | None
    skipped: tuple[str, ...]
    changes: tuple[str, ...]
    summary: str
    output: str
    trials: tuple[Trial, ...]

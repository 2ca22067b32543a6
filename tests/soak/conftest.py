"""Fixtures of the long tests: how much they do, the figures that they report, and a bench."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from integration.conftest import bench, built, launcher_file, make, public, warm_bench

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["bench", "built", "launcher_file", "make", "public", "warm_bench"]

FIGURE = "figure"


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How much a test does: a little in a normal test run, everything with `--soak`."""

    is_long: bool
    seed: int

    def times(self, short: int, long: int) -> int:
        """Return how often to repeat an action."""
        return long if self.is_long else short

    def dice(self, part: int = 0) -> random.Random:
        """Return a source of random choices that are the same in each run with the same seed."""
        return random.Random(self.seed + part)  # noqa: S311  # repeatable, and not a secret


@pytest.fixture
def effort(request: pytest.FixtureRequest) -> Effort:
    """Return how much a test does."""
    return Effort(is_long=request.config.getoption("--soak"), seed=request.config.getoption("--seed"))


@pytest.fixture
def figure(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Return a function that records a line for docs/reliability.md; `make soak` prints them all at its end."""
    return lambda line: record_property(FIGURE, line)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark all tests of this folder."""
    for item in items:
        if "soak" in item.path.parts:
            item.add_marker(pytest.mark.soak)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the figures of a long run."""
    if not terminalreporter.config.getoption("--soak"):
        return
    terminalreporter.section("figures")
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, ()):
            for name, line in report.user_properties:
                if name == FIGURE:
                    terminalreporter.write_line(f"{report.nodeid.partition('::')[2]} ({outcome}): {line}")

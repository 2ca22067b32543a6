#!/usr/bin/env python3
"""pytest runs tests in two processes and explains a failing assert."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from checking import Host, main

TESTS = """
import os
import time

import pytest


@pytest.mark.parametrize("number", range(8))
def test_worker(number):
    assert os.environ["PYTEST_XDIST_WORKER"] in {"gw0", "gw1"}


def test_explained():
    total = 1 + 2
    assert total == 4


@pytest.mark.timeout(0.5)
def test_slow():
    time.sleep(50)
"""


def check(host: Host) -> None:
    """Run tests in two workers (xdist), shuffled (randomly) and timed (timeout), and explain a failing assert."""
    host.write("test_them.py", TESTS)
    ran = host("-n", "2", "-p", "no:cacheprovider", "-v")
    ran.expect(
        1,
        r"^plugins: (?=.*xdist-)(?=.*randomly-)(?=.*timeout-)",
        r"^Using --randomly-seed=\d+",
        r"2 workers \[10 items\]",
        r"^E +assert 3 == 4$",
        r"^E +Failed: Timeout",
        r"2 failed, 8 passed",
    )


if __name__ == "__main__":
    main(check)

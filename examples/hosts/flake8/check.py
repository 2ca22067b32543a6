#!/usr/bin/env python3
"""flake8 finds what its plugins look for, in several files at once."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from checking import Host, main

MODULES = 8

BUGBEAR = """
def remember(value, seen=[]):
    seen.append(value)
    return seen
"""
COMPREHENSIONS = """
squares = list(number * number for number in range(9))
"""


def check(host: Host) -> None:
    """Find what flake8-bugbear (B006) and flake8-comprehensions (C400) look for, in files that two processes share."""
    for number in range(MODULES):
        host.write(f"bugbear_{number}.py", BUGBEAR.lstrip())
        host.write(f"comprehensions_{number}.py", COMPREHENSIONS.lstrip())
    clean = host.write("clean/module.py", "ANSWER = 42\n")

    host("--version").expect(0, r"flake8-bugbear: \d", r"flake8-comprehensions: \d")
    host("--isolated", clean).expect(0, r"\A\Z")
    findings = [rf"^\S*bugbear_{number}\.py:1:\d+: B006 " for number in range(MODULES)]
    findings += [rf"^\S*comprehensions_{number}\.py:1:\d+: C400 " for number in range(MODULES)]
    host("--isolated", "-j", "2", ".").expect(1, *findings)


if __name__ == "__main__":
    main(check)

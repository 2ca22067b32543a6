#!/usr/bin/env python3
"""streamlink finds the plugins that lie in its own folder."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from checking import CheckError, Host, main

MANY = 90


def check(host: Host) -> None:
    """List all plugins, and find the one that can handle an address."""
    ran = host("--plugins")
    ran.expect(0, r"\btwitch\b", r"\byoutube\b")
    count = len(ran.out.partition(":")[2].split(","))
    if count < MANY:
        raise CheckError(f"only {count} plugins: {ran.out}")
    host("--can-handle-url-no-redirect", "https://www.twitch.tv/monstercat").expect(0)
    host("--can-handle-url-no-redirect", "https://nobody.example/").expect(1)


if __name__ == "__main__":
    main(check)

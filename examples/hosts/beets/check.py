#!/usr/bin/env python3
"""beets loads plugins from its namespace package."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from checking import Host, main

CONFIG = """
directory: music
library: library.db
plugins: types fuzzy
types:
  rating: int
"""


def check(host: Host) -> None:
    """Load `types` and `fuzzy` by their names, and run a query in the syntax that `fuzzy` adds."""
    host.write("config.yaml", CONFIG)
    beet = host.with_environment(BEETSDIR=str(host.folder))
    beet("version").expect(0, r"^plugins: fuzzy, types$")
    beet("list", "~nothing").expect(0, r"\A\Z")


if __name__ == "__main__":
    main(check)

#!/usr/bin/env python3
"""Markdown finds the extensions of another distribution by their names."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from checking import Host, main

TEXT = "~~gone~~ and H~2~O\n\n- [x] done\n"


def check(host: Host) -> None:
    """Mark deleted and subscript text with `-x pymdownx.tilde`, and a list of tasks with `-x pymdownx.tasklist`."""
    file = host.write("text.md", TEXT)
    ran = host("-x", "pymdownx.tilde", "-x", "pymdownx.tasklist", file)
    ran.expect(0, r"<del>gone</del> and H<sub>2</sub>O", r'<li class="task-list-item">')


if __name__ == "__main__":
    main(check)

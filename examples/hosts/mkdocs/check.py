#!/usr/bin/env python3
"""mkdocs builds a site with the assets of its theme and the order of its plugin."""

from __future__ import annotations

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from checking import CheckError, Host, main

CONFIG = """
site_name: Three pages
theme:
  name: material
plugins:
  - search
  - awesome-nav
markdown_extensions:
  - admonition
  - pymdownx.superfences
"""
NAV = """
nav:
  - Last one first: last.md
  - index.md
"""


def check(host: Host) -> None:
    """Build a site with mkdocs-material's assets and in the order that mkdocs-awesome-nav sets."""
    host.write("mkdocs.yml", CONFIG)
    host.write("docs/.nav.yml", NAV)
    host.write("docs/index.md", "# Home\n\n!!! note\n    ```python\n    answer = 42\n    ```\n")
    host.write("docs/last.md", "# Last\n")
    host("build", "--strict", "--site-dir", "site").expect(0)

    page = (host.folder / "site" / "index.html").read_text(encoding="utf-8")
    for pattern in (
        r'href="(assets/stylesheets/main\.\w+\.min\.css)"',
        r'src="(assets/javascripts/bundle\.\w+\.min\.js)"',
    ):
        asset = re.search(pattern, page)
        if asset is None:
            raise CheckError(f"{pattern!r} is not in the page:\n{page}")
        if not (host.folder / "site" / asset[1]).read_bytes():
            raise CheckError(f"{asset[1]} is empty")
    titles = re.findall(r'<span class="md-ellipsis">\s*(\w[^<]*?)\s*<', page)
    if titles[-2:] != ["Last one first", "Home"]:  # the header has its own titles
        raise CheckError(f"the pages are not in the order of .nav.yml: {titles}")
    if 'class="admonition note"' not in page or 'class="highlight"' not in page:
        raise CheckError(f"the Markdown extensions did not work:\n{page}")


if __name__ == "__main__":
    main(check)

#!/usr/bin/env python3
"""datasette serves a table with what its plugins add to the page."""

from __future__ import annotations

import contextlib
import json
import re
import sqlite3
import sys
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from checking import SECONDS, CheckError, Host, main

SCRIPTS = {
    "datasette-vega": r'src="(/-/static-plugins/datasette[-_]vega/[^"]+\.js)"',
    "datasette-cluster-map": r'src="(/-/static-plugins/datasette[-_]cluster[-_]map/[^"]+\.js)"',
}
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def check(host: Host) -> None:
    """List both plugins, serve a table with coordinates and their scripts, and end the server with Ctrl-C."""
    listed = host("plugins")
    listed.expect(0)
    names = {plugin["name"] for plugin in json.loads(listed.out)}
    if missing := SCRIPTS.keys() - names:
        raise CheckError(f"`plugins` does not list {missing}: {names}")

    with contextlib.closing(sqlite3.connect(host.folder / "places.db")) as database:
        database.execute("create table places (name text, latitude real, longitude real)")
        database.execute("insert into places values ('Graz', 47.0707, 15.4395)")
        database.commit()
    with host.serving("serve", "places.db", "--port", "0", ready=r"running on (http://127\.0\.0\.1:\d+)") as found:
        page = fetch(f"{found[1]}/places/places")
        if "Graz" not in page:
            raise CheckError(f"the page of the table does not show its row:\n{page}")
        for name, pattern in SCRIPTS.items():
            script = re.search(pattern, page)
            if script is None:
                raise CheckError(f"the page does not load a script of {name}:\n{page}")
            if not fetch(found[1] + script[1]).strip():
                raise CheckError(f"the script {script[1]} is empty")


def fetch(url: str) -> str:
    """Return the content of a URL; raises CheckError for any status but 200."""
    try:
        with DIRECT.open(url, timeout=SECONDS) as answer:
            return str(answer.read().decode("utf-8"))
    except OSError as error:
        raise CheckError(f"{url}: {error}") from error


if __name__ == "__main__":
    main(check)

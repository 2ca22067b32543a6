"""The command line: `suite` runs the checks, the others leave a plugin's process in some state and print its ID."""

import json
import sys
import threading
from importlib import import_module
from importlib.metadata import entry_points

from brittle import suite


def main():
    """Do what the first argument says, with the only thing that is installed."""
    (point,) = entry_points(group="brittle.things")
    act(sys.argv[1], point.load())


def act(what, factory):
    """Run one action with a thing's factory."""
    if what == "suite":
        print(json.dumps(suite.run(factory)))
        return
    if what == "modules":
        import_module("brittle_glass._shards")
    thing = factory()
    print(thing.pid(), flush=True)
    if what in ("loop", "hold"):
        getattr(thing, what)()
    elif what == "end-at-work":
        threading.Thread(target=thing.loop, daemon=True).start()
    elif what == "idle":
        sys.stdin.read()

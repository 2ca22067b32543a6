"""Print what one way of looking sees, as JSON that is the same in every place."""

import json
import sys
from importlib.metadata import entry_points


def main():
    """Find the look that the first argument names, and print what it sees."""
    looks = {point.name: point for point in entry_points(group="seer.looks")}
    seen = looks[sys.argv[1]].load()()
    print(json.dumps(seen, indent=1, sort_keys=True))

"""The commands of the tiny host."""

import sys
from importlib.metadata import entry_points, version
from importlib.resources import files

import tinyhost


def main():
    """Print what the host sees; exit with the code that is asked for."""
    arguments = sys.argv[1:]
    if arguments[:1] == ["exit"]:
        return int(arguments[1])
    if arguments[:1] == ["modules"]:
        print(*tinyhost.AT_FIRST, sep="\n")
        return 0
    if arguments[:1] == ["crash"]:
        raise RuntimeError("asked to crash")
    print(files("tinyhost").joinpath("banner.txt").read_text().strip())
    print("version", version("tinyhost"))
    for point in sorted(entry_points(group="tinyhost.greeters"), key=lambda point: point.name):
        print(point.name, point.load()(" ".join(arguments) or "world"))
    return 0


def admin():
    """Print one word."""
    print("admin")

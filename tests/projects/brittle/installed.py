"""Run the host with isolation but without a manifest, as its author would: `python installed.py ARGUMENT`."""

import sys

from onebin_runtime.isolation import isolated

from brittle.cli import act
from brittle.contract import Thing

if __name__ == "__main__":
    act(sys.argv[1], isolated("brittle_glass:Glass", Thing, timeout=float(sys.argv[2])))

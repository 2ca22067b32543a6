#!/usr/bin/env python3
"""A small host of ours reads a file with the xarray back end that a plugin brings."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from checking import Host, main


def check(host: Host) -> None:
    """List h5netcdf among the engines, write a file with it, and read that back with numpy at work."""
    host("engines").expect(0, r"^h5netcdf$")
    host("write", "small.nc").expect(0)
    host("show", "small.nc").expect(0, r"^\{'y': 3, 'x': 4\} mean 5\.5 m$")


if __name__ == "__main__":
    main(check)

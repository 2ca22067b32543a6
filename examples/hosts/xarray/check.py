#!/usr/bin/env python3
"""A small host, part of this example, reads files with the xarray backends of its plugins."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from checking import Host, main


def check(host: Host) -> None:
    """Open a text grid through an entry point of `xarray.backends`, and write and read netCDF 4 with h5netcdf."""
    host.write("small.grid", "0 1 2 3\n4 5 6 7\n8 9 10 11\n")
    host("engines").expect(0, r"^grid$", r"^h5netcdf$")
    host("show", "small.grid").expect(0, r"^\{'y': 3, 'x': 4\} mean 5\.5 m$")
    host("convert", "small.grid", "small.nc").expect(0)
    host("show", "small.nc").expect(0, r"^\{'y': 3, 'x': 4\} mean 5\.5 m$")


if __name__ == "__main__":
    main(check)

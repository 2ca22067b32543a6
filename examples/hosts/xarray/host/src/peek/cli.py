"""The command `peek`: list xarray's backends, describe a data set, or convert one to netCDF 4."""

from __future__ import annotations

import sys

import xarray as xr

USAGE = "usage: peek engines | show FILE | convert FILE NETCDF\n"


def main() -> int:
    """Run `peek engines`, `peek show FILE` or `peek convert FILE NETCDF`; xarray finds the backend for a file."""
    match sys.argv[1:]:
        case ["engines"]:
            sys.stdout.write("".join(f"{name}\n" for name in sorted(xr.backends.list_engines())))
        case ["show", file]:
            with xr.open_dataset(file) as data:
                height = data["height"]
                sys.stdout.write(f"{dict(data.sizes)} mean {float(height.mean()):g} {height.attrs['units']}\n")
        case ["convert", file, target]:
            with xr.open_dataset(file) as data:
                data.to_netcdf(target, engine="h5netcdf")
        case ["--help"]:
            sys.stdout.write(USAGE)
        case _:
            sys.stderr.write(USAGE)
            return 2
    return 0

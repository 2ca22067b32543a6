"""The command `peek`: list xarray's back ends, write a small data set, or describe one."""

from __future__ import annotations

import sys

import numpy as np
import xarray as xr


def main() -> int:
    """Run `peek engines`, `peek write FILE` or `peek show FILE`; the engine is found by its entry point."""
    match sys.argv[1:]:
        case ["engines"]:
            sys.stdout.write("".join(f"{name}\n" for name in sorted(xr.backends.list_engines())))
        case ["write", file]:
            values = np.arange(12, dtype="float64").reshape(3, 4)
            xr.Dataset({"height": (("y", "x"), values, {"units": "m"})}).to_netcdf(file, engine="h5netcdf")
        case ["show", file]:
            with xr.open_dataset(file) as data:
                height = data["height"]
                sys.stdout.write(f"{dict(data.sizes)} mean {float(height.mean()):g} {height.attrs['units']}\n")
        case _:
            sys.stderr.write("usage: peek engines | write FILE | show FILE\n")
            return 2
    return 0

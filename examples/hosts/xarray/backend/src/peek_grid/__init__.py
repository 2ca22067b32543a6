"""An xarray backend for plain text: one row of numbers per line, in metres."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from xarray.backends import BackendEntrypoint

if TYPE_CHECKING:
    from collections.abc import Iterable


class GridBackend(BackendEntrypoint):
    """Opens files whose name ends in `.grid`."""

    description = "Plain text grids"
    open_dataset_parameters = ("filename_or_obj", "drop_variables")

    def open_dataset(self, filename_or_obj: object, *, drop_variables: Iterable[str] | None = None) -> xr.Dataset:
        """Return the grid as the variable `height`."""
        values = np.loadtxt(str(filename_or_obj), ndmin=2)
        data = xr.Dataset({"height": (("y", "x"), values, {"units": "m"})})
        return data.drop_vars(drop_variables or ())

    def guess_can_open(self, filename_or_obj: object) -> bool:
        """Return whether this backend can open a file, judged by its suffix."""
        return str(filename_or_obj).endswith(".grid")

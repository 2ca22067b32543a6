"""Quinces, which cannot stand frost."""

import os

if os.environ.get("ORCHARD_FROST"):
    raise OSError("the quince is frozen")


class Quince:
    """A fruit."""

    name = "quince"

    def juice(self, litres, *, sweet=False):
        return f"{litres} l of quince juice"

"""Cherries, which come early: the manifest has them imported at the start."""

import os
import sys

if os.environ.get("ORCHARD_HAIL"):
    raise OSError("the cherries are on the ground")

WHEN = "after the host" if "orchard.cli" in sys.modules else "before the host"


class Cherry:
    """A fruit."""

    name = "cherry"

    def juice(self, litres, *, sweet=False):
        return f"{litres} l of cherry juice"

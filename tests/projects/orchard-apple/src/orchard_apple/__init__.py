"""Apples: slow to import, and counted."""

import sys
import time

V = 0
_PIPS = 5

sys.orchard_imports = [*getattr(sys, "orchard_imports", []), __name__]
time.sleep(0.2)  # threads that open it at once overlap here


def F():
    return V


class Apple:
    """A fruit."""

    name = "apple"

    def juice(self, litres, *, sweet=False):
        return f"{litres} l of apple juice"

    def bruise(self):
        raise RuntimeError("the apple is bruised")

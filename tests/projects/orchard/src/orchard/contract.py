"""The contract of a fruit."""

from typing import Protocol


class Fruit(Protocol):
    """Something that can be pressed."""

    name: str

    def juice(self, litres, *, sweet=False):
        """Return a line about this much juice."""

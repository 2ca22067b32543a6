"""What a fruit is."""

from typing import Protocol


class Fruit(Protocol):
    """Something that can be pressed."""

    name: str

    def juice(self, litres, *, sweet=False):
        """Return a line about so much juice."""

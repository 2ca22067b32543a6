"""Pears, with a list of what is public."""

__all__ = ["KIND", "Pear"]

KIND = "conference"
SECRET = "not in the list"


class Pear:
    """A fruit."""

    name = "pear"

    def juice(self, litres, *, sweet=False):
        return f"{litres} l of pear juice"

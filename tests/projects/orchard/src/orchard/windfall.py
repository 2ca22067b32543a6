"""A fruit that the host itself provides."""


class Windfall:
    """A fruit from the ground."""

    name = "windfall"

    def juice(self, litres, *, sweet=False):
        return f"{litres} l of something"

"""A module that only a setting names."""


class Engine:
    """Named by a string."""

    name = "engine"

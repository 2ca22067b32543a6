"""Only a setting leads here."""


class Engine:
    """Named by a string."""

    name = "engine"

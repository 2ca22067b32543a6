"""A plugin of the host's own."""


class Own:
    """What the entry point names."""

    word = "own"

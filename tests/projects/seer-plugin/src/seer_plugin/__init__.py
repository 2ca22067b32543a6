"""A plugin for every way of looking."""


class Extra:
    """What the entry point names."""

    word = "extra"

"""A plugin that can be found in every way."""


class Extra:
    """What the entry point names."""

    word = "extra"

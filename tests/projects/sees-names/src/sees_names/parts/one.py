"""Part one, found by looking into the folder."""


class One:
    """What the part holds."""

    word = "one"

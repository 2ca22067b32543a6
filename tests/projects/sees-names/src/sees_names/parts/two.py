"""Part two, found by looking into the folder."""


class Two:
    """What the part holds."""

    word = "two"

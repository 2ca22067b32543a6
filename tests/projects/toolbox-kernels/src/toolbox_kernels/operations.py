"""Functions whose source is read."""


def double(number):
    """Return twice the number.

    >>> double(2)
    4
    """
    return 2 * number  # the comment is part of the source

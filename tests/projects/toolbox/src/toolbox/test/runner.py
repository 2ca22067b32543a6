"""A module whose name the host computes."""


def run():
    """Return what is printed."""
    return "the command test"

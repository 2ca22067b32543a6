"""Why a side-car is not loaded."""

from __future__ import annotations


class Refused(Exception):  # noqa: N818  # it is an answer, and reaches no user as an exception
    """A file is not accepted; the text is the reason, in one line."""


class Off(Refused):
    """Side-cars are turned off, which needs no word."""


class Waiting(Refused):
    """Another version of the plugin is loaded, so this one waits for the next start."""

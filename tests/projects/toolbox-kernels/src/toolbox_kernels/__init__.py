"""A package that finds a file beside its modules by its code, its frame and its name."""

import inspect
import os
import sys


def table():
    """Return the content of the file, or what went wrong, for each way to find it."""
    ways = (
        __file__,
        table.__code__.co_filename,
        inspect.getfile(call),
        sys._getframe().f_code.co_filename,
        inspect.stack()[0].filename,
    )
    return [_beside(file) for file in ways]


def call(function, value):
    """Call a function."""
    return function(value)


def _beside(file):
    try:
        with open(os.path.join(os.path.dirname(os.path.abspath(file)), "table.txt"), encoding="utf-8") as stream:
            return stream.read().strip()
    except OSError as error:
        return type(error).__name__

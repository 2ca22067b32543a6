"""The versions of Python that are frozen, as parameters of tests."""

from __future__ import annotations

import pytest

# Between the ends of the range, `make test` freezes the Python that runs onebin in all other tests.
_ENDS = ("3.10", "3.13")


def each_python(*without: str, always: tuple[str, ...] = _ENDS) -> list[object]:
    """Return each version except some; those that are not in `always` are for the long form."""
    versions = [each for each in ("3.10", "3.11", "3.12", "3.13") if each not in without]
    return [pytest.param(each, marks=() if each in always else pytest.mark.long) for each in versions]

"""The time that a build uses instead of the current time, so that artifacts do not contain when they were built.

It can be set with `SOURCE_DATE_EPOCH` (https://reproducible-builds.org/specs/source-date-epoch/).
"""

from __future__ import annotations

import os

from onebin.errors import OnebinError

VARIABLE = "SOURCE_DATE_EPOCH"
# 2020-02-02, like hatchling: zip archives can store it in every time zone, unlike 1970 or 1980.
DEFAULT = 1_580_601_600
_LATEST = 8**11 - 1  # the maximum in the header of a tar archive


def source_date_epoch() -> int:
    """Return the time that a build uses, in seconds since 1970; raises OnebinError if the variable is invalid."""
    text = os.environ.get(VARIABLE, "")
    if not text:
        return DEFAULT
    is_number = text.isascii() and text.isdecimal() and len(text) <= len(str(_LATEST))
    if not is_number or int(text) > _LATEST:
        raise OnebinError(
            f"{VARIABLE} is {text!r}, which is not a number of seconds since 1970",
            f"unset it, or set it to the time of the last commit, for example: {VARIABLE}=$(git log -1 --format=%ct)",
        )
    return int(text)

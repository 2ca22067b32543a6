"""The one moment that a build knows: no artifact says when it was made.

`SOURCE_DATE_EPOCH` (https://reproducible-builds.org/specs/source-date-epoch/) chooses it.
"""

from __future__ import annotations

import os

from onebin.errors import OnebinError

VARIABLE = "SOURCE_DATE_EPOCH"
# 2020-02-02, as hatchling has it: zip archives can hold it in every time zone, which they cannot for 1970 or 1980.
DEFAULT = 1_580_601_600
_LATEST = 8**11 - 1  # what the header of a tar archive holds


def source_date_epoch() -> int:
    """Return the seconds since 1970 that stand for "now" in a build; raises OnebinError for an unfit variable."""
    text = os.environ.get(VARIABLE, "")
    if not text:
        return DEFAULT
    is_number = text.isascii() and text.isdecimal() and len(text) <= len(str(_LATEST))
    if not is_number or int(text) > _LATEST:
        raise OnebinError(
            f"{VARIABLE} is {text!r}: not a number of seconds since 1970",
            f"unset it, or set it to such as the time of the last commit: {VARIABLE}=$(git log -1 --format=%ct)",
        )
    return int(text)

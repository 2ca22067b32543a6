"""Find out which package a message of uv is about."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onebin.python.failure import Failure

# A requirement, the page of a package on an index, or a file of it.
_SUBJECT = re.compile(
    r"`([A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?(?:==| @ )"
    r"|/((?![^/\s]*\.(?:whl|gz))[A-Za-z0-9][\w.-]*)/?[`)]?(?=[\s`)]*cause:)"
    r"|\b([A-Za-z0-9][\w.]*)-[^-\s/`]+(?:-[^\s/`]+)?\.(?:whl|tar\.gz)\b"
)


def subject_of(failure: Failure) -> str | None:
    """Return the name of the first package that a message is about, as it is written there, if there is one.

    A message about the disk is about none: a path may look like the page of a package.
    """
    if failure.is_of_disk:
        return None
    found = _SUBJECT.search(" ".join(failure.raw.split()))  # uv wraps lines, even in the middle of a phrase
    return None if found is None else next(filter(None, found.groups()))

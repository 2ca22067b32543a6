"""Whether a program runs from an artifact."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType


def is_in_tree(module: ModuleType) -> bool:
    """Return whether a generated module is in the tree of an artifact, and not in the source of `onebin run`."""
    return str(module.__file__).startswith(os.path.join(sys.prefix, "onebin"))  # noqa: PTH118  # cheaper than pathlib

"""Whether this process may trust its environment."""

from __future__ import annotations

import os


def is_privileged() -> bool:
    """Return whether this process has more rights than its user (setuid, setgid)."""
    return hasattr(os, "getuid") and (os.getuid(), os.getgid()) != (os.geteuid(), os.getegid())

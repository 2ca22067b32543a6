"""Plugins whose code runs in a separate process, so that a crash, hang or leak there does not affect the host.

A manifest asks for this with `isolate = true` in a plugin's row, without any change to the host. `isolated` does the
same for one symbol without a manifest. Importing this package imports `multiprocessing`, so import it only when needed.
"""

from __future__ import annotations

from onebin_runtime._errors import PluginCallError, PluginCrashed, PluginTimeout
from onebin_runtime.isolation._remote import DEFAULT_SECONDS, Isolation, isolated, members_of

__all__ = [
    "DEFAULT_SECONDS",
    "Isolation",
    "PluginCallError",
    "PluginCrashed",
    "PluginTimeout",
    "isolated",
    "members_of",
]

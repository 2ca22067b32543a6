"""Hooks for pluggy."""

import pluggy

hookimpl = pluggy.HookimplMarker("seer")


@hookimpl
def word():
    """Answer the host's hook."""
    return "hooked"

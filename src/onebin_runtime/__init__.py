"""What onebin freezes into every bundle: the registry's classes and the start of the artifact.

Standard library only, and imported at every start of every artifact: whatever costs time is imported late.
"""

from __future__ import annotations

from onebin_runtime._registry import Plugin, PluginLoadError, PluginNotFoundError, Registry

__all__ = ["Plugin", "PluginLoadError", "PluginNotFoundError", "Registry"]

"""The plugins of tinyhost, in registration order:

    1. greet-hello (greet-hello 1.0.0): imports greet_hello when opened

Listing the plugins imports none of them. Each function below imports one plugin, and is called when that plugin is
opened. The freezer reads the import statements.
"""

from __future__ import annotations

from importlib import import_module

from onebin_runtime._plugin import Plugin
from onebin_runtime._registry import Registry


def _open_1_greet_hello():
    """greet-hello 1.0.0."""
    import greet_hello as module_1

    return (module_1,)


REGISTRY = Registry(
    (
        Plugin(
            name='greet-hello',
            distribution='greet-hello',
            version='1.0.0',
            modules=(
                'greet_hello',
            ),
            entry_points=(
                ('tinyhost.greeters', 'hello', 'greet_hello:greet'),
            ),
            load=_open_1_greet_hello,
        ),
    ),
    # What the host and its dependencies provide for these groups.
    built_in=(
    ),
    extension_points={
    },
)

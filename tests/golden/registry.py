"""The plugins of tinyhost, in the order of the manifest.

Listing them imports none. Each function below imports one plugin; nothing calls them before the plugin is opened,
but the freezer reads their import statements.
"""

from __future__ import annotations

from importlib import import_module

from onebin_runtime import Plugin, Registry


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
            entry_points=(
                ('tinyhost.greeters', 'hello', 'greet_hello:greet'),
            ),
            load=_open_1_greet_hello,
        ),
    ),
    eager=(),
)

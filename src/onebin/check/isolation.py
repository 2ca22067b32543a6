"""Check the plugins that run in processes of their own.

Rejects an isolated plugin without entry points, one with an entry point that no contract describes, and one whose
modules others in the host's process import.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from onebin.errors import Finding
from onebin.manifest import keyed
from onebin.survey import roots

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from onebin.check.contribution import PlannedPlugin
    from onebin.manifest import Manifest, PluginRow
    from onebin.survey import Survey


def unfit(manifest: Manifest, plugins: Sequence[PlannedPlugin], surveyed: Survey, where: str) -> Iterator[Finding]:
    """Yield why plugins whose rows say `isolate` cannot be isolated."""
    rows = isolated_rows(manifest)
    for plugin in plugins:
        if plugin.name not in rows:
            continue
        key = keyed(where, "plugins", plugin.name, "isolate")
        groups = list(dict.fromkeys(point.group for point in plugin.entry_points))
        if not groups:
            message = "a plugin without entry points cannot be isolated: nothing says what the host may use of it"
            yield Finding(key, message, "remove `isolate`")
        for group in groups:
            point = manifest.extension_points.get(group)
            if point is None or point.contract is None:
                message = f"{plugin.name} extends {group}, which has no contract that says what the host may call"
                yield Finding(key, message, f'add it: [extension-points."{group}"] contract = "module:Name"')
        yield from _imported_by_others(plugin, surveyed, key)


def isolated_rows(manifest: Manifest) -> Mapping[str, PluginRow]:
    """Return the rows of the plugins that run in processes of their own, by their names."""
    return {row.name: row for row in manifest.plugins if row.isolate}


def _imported_by_others(plugin: PlannedPlugin, surveyed: Survey, key: str) -> Iterator[Finding]:
    """Report distributions that import an isolated plugin's modules, which are not in the host's process."""
    own = surveyed.distributions[plugin.distribution]
    if own.name == surveyed.host.name:
        yield Finding(key, "the host itself cannot be isolated from itself", "remove `isolate`")
        return
    for other in surveyed.distributions.values():
        names = [name for name in roots(own) if other.name != own.name and other.imports(name)]
        if names:
            message = f"{other.title} imports {names[0]}, which would not be in its process"
            yield Finding(key, message, "remove `isolate`, or remove the import")

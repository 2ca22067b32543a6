"""Describe a bundle of a host and the one plugin that is examined, as a manifest that is not in a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import tomli_w

from onebin.manifest import create_manifest, is_path
from onebin.scaffold import NO_ENTRY, HostChoice, choose_host
from onebin.system import absolute
from onebin.workspace import MANIFEST_NAME

if TYPE_CHECKING:
    from typing import Any

    from onebin.manifest import ExtensionPoint
    from onebin.survey import Distribution


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A plugin, as an item of `onebin add`, and its host; without a host the plugin stands in its place.

    `folder` is that of the plugin's project, if it is one. `group` and `contract` are what the user gave.
    """

    item: str
    folder: Path | None
    host: HostChoice | None
    group: str | None
    contract: str | None

    def text(self) -> str:
        """Return the manifest; raises ManifestError for a plugin that does not exist or is not one."""
        chosen = self.host or HostChoice(item=self.item)
        made = create_manifest(
            name="lint",
            host=chosen.item,
            entry=NO_ENTRY,
            plugins=[self.item],
            python=chosen.python,
            directory=Path.cwd(),
        )
        return f"{made}\n{tomli_w.dumps({'lock': {'allow-source': list(chosen.allow_source)}})}"

    def text_with(self, plugin: Distribution) -> str:
        """Return the manifest with what is only known of the installed plugin: its groups with their contracts.

        A group that the user gave is declared: the host looks it up, even if its source does not show that. Without a
        host, every group is, and the modules of a plugin without entry points are those that it brings.
        """
        groups = dict.fromkeys(point.group for point in plugin.plugs)
        declared = self.host.points if self.host else {}
        points = {group: _point(declared[group]) for group in groups if group in declared}
        if self.host is None:
            points |= {group: {} for group in groups}
        if self.group is not None:
            points.setdefault(self.group, {})
        if self.contract is not None:
            points |= {group: {**points.get(group, {}), "contract": self.contract} for group in self._judged(plugin)}
        return f"{self.text()}\n{tomli_w.dumps({'extension-points': points})}"

    def _judged(self, plugin: Distribution) -> list[str]:
        """Return the groups for which a given contract is meant: the given group, or else all of the plugin's."""
        return [self.group] if self.group else [point.group for point in plugin.plugs]


def subject_of(item: str, host: str | None, group: str | None, contract: str | None) -> Subject:
    """Return what is to be examined; the host is by default that of the manifest in the plugin's own project."""
    path = Path(item)
    folder = absolute(path) if is_path(item) and path.is_dir() else None
    chosen = choose_host(host) if host is not None else None
    if chosen is None and folder is not None and (folder / MANIFEST_NAME).is_file():
        own = choose_host(str(folder / MANIFEST_NAME))
        chosen = own if own.folder != folder else None
    return Subject(item=item, folder=folder, host=chosen, group=group, contract=contract)


def _point(declared: ExtensionPoint) -> dict[str, Any]:
    keys = {"contract": declared.contract, "provides": declared.provides}
    return {key: value for key, value in keys.items() if value is not None}

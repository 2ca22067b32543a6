"""Describe a bundle of a host and the one plugin that is examined, as a manifest that is not in a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import tomli_w

from onebin.errors import Finding, FindingsError, ManifestError
from onebin.manifest import add_plugins, create_manifest, is_path
from onebin.python import INDEXES, PackageSource
from onebin.scaffold import NO_ENTRY, HostChoice, choose_host
from onebin.system import absolute
from onebin.workspace import MANIFEST_NAME

if TYPE_CHECKING:
    from typing import Any

    from onebin.manifest import ExtensionPoint
    from onebin.survey import Distribution


@dataclass(frozen=True, kw_only=True)
class LintRequest:
    """Which plugin to check, and against what.

    `plugin` is a project's folder, a wheel or a requirement; `host` is one of these, or a manifest or an artifact.
    Without it, the manifest in the plugin's own project names the host; and without one, only what does not depend on a
    host is checked. `group` is looked up by the host, whatever its source says. `contract` ("module:Name") and `python`
    (a version or a path) replace those of the host's manifest. With `types`, mypy compares the types, too.
    """

    plugin: str
    host: str | None = None
    group: str | None = None
    contract: str | None = None
    python: str | None = None
    types: bool = False
    source: PackageSource = INDEXES


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A request with the folder of the plugin's project, if it is one, and the host, if there is one.

    Without a host, the plugin stands in its place.
    """

    request: LintRequest
    folder: Path | None
    host: HostChoice | None

    def text(self) -> str:
        """Return the manifest; raises ManifestError for a plugin that does not exist or is not one."""
        chosen = self.host or HostChoice(item=self.request.plugin)
        try:
            made = create_manifest(
                name="lint",
                host=chosen.item,
                entry=NO_ENTRY,
                plugins=[self.request.plugin] if self.host else [],
                python=self.request.python or chosen.python,
                directory=Path.cwd(),
            )
            if self.host is None:  # a manifest with a plugin that is its own host is not what anybody means
                made = add_plugins(made, [self.request.plugin], directory=Path.cwd()).text
        except ManifestError as error:
            known = [each for each in error.findings if self.host or not each.where.startswith("host.")]
            raise ManifestError("the plugin cannot be checked", known) from error
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
        if self.request.group is not None:
            points.setdefault(self.request.group, {})
        if self.request.contract is not None:
            points |= {
                group: {**points.get(group, {}), "contract": self.request.contract} for group in self._judged(plugin)
            }
        return f"{self.text()}\n{tomli_w.dumps({'extension-points': points})}"

    def _judged(self, plugin: Distribution) -> list[str]:
        """Return the groups for which a given contract is meant: the given group, or else all of the plugin's."""
        return [self.request.group] if self.request.group else [point.group for point in plugin.plugs]


def subject_of(request: LintRequest) -> Subject:
    """Return what is to be examined; the host is by default that of the manifest in the plugin's own project."""
    path = Path(request.plugin)
    if path.suffix == ".toml":
        hint = f"give the project's folder; to check it against this manifest's host, add --host {request.plugin}"
        raise FindingsError("the plugin cannot be checked", [Finding(request.plugin, "it is not a plugin", hint)])
    folder = absolute(path) if is_path(request.plugin) and path.is_dir() else None
    chosen = choose_host(request.host) if request.host is not None else None
    if chosen is None and folder is not None and (folder / MANIFEST_NAME).is_file():
        own = choose_host(str(folder / MANIFEST_NAME))
        chosen = own if own.folder != folder else None
    return Subject(request=request, folder=folder, host=chosen)


def _point(declared: ExtensionPoint) -> dict[str, Any]:
    keys = {"contract": declared.contract, "provides": declared.provides}
    return {key: value for key, value in keys.items() if value is not None}

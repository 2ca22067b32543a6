"""Folders to lock and build orders in: each host has its own, with copies of what it takes from the catalogue's."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from onebin.errors import OnebinError, os_errors
from onebin.manifest import Manifest
from onebin.pipeline import BuildRequest, ignore, update_lock
from onebin.platforms import PLATFORMS
from onebin.python import INDEXES, PackageSource
from onebin.system import is_there
from onebin.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path

    from onebin.catalogue.catalogue import Catalogue
    from onebin.catalogue.offers import HostOffer
    from onebin.catalogue.order import Order
    from onebin.pipeline import Events


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where orders of a catalogue are locked and built: below `folder`, which nobody keeps.

    Each order is locked beside copies of the local sources, and without another lock there: as it would be elsewhere.
    """

    catalogue: Catalogue
    folder: Path
    source: PackageSource = INDEXES

    def manifest_file(self, host: str) -> Path:
        """Return where the manifest of a host would be; none is written."""
        return self.folder / f"host-{host}" / "bundle.toml"

    def request(self, text: str, host: str, platform: str) -> BuildRequest:
        """Return the request to build a manifest of a host, where the host's local sources are; raises OnebinError."""
        file = self.manifest_file(host)
        if not file.parent.exists():
            with os_errors(OnebinError, "create", file.parent):
                file.parent.mkdir()
            copy_sources(self.catalogue.hosts[host], self.catalogue.directory, file.parent)
        workspace = replace(Workspace.at(file), platform=PLATFORMS[platform])
        source = replace(self.source, project=self.catalogue.directory)
        manifest = Manifest.parse(text, file=file)
        # As `onebin bundle` verifies: what was compared is noted in the artifact, so it decides about its bytes.
        return BuildRequest(manifest=manifest, workspace=workspace, source=source, full_probe=True)

    def lock(self, order: Order, events: Events = ignore) -> tuple[BuildRequest, Path]:
        """Lock an order, and return the request for it and the file of the lock; raises OnebinError.

        The file must be moved away before the next order of the host is locked.
        """
        asked = self.catalogue.settled(order)
        request = self.request(self.catalogue.manifest(asked), asked.host, asked.platform or "")
        return request, update_lock(request, events).file


def copy_sources(host: HostOffer, source: Path, target: Path) -> None:
    """Copy the projects, wheels and data files of a host from one folder to another; raises OnebinError.

    What is not there, or lies outside the folder because of a link, is left out: the build says that it is missing.
    """
    paths = [
        host.keys.get("path"),
        *(each.row.get("path") for each in host.plugins),
        *host.freeze.get("data", {}).values(),
    ]
    root = source.resolve()
    for path in dict.fromkeys(filter(None, paths)):
        place, copy = source / path, target / path
        if not is_there(place) or not place.resolve().is_relative_to(root):
            continue
        with os_errors(OnebinError, "copy", place):
            copy.parent.mkdir(parents=True, exist_ok=True)
            if place.is_dir():
                shutil.copytree(place, copy, symlinks=True, dirs_exist_ok=True)
            else:
                shutil.copy2(place, copy)

"""Copy what a host of a catalogue takes from the catalogue's folder, so that it lies beside a manifest of its own."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from onebin.errors import OnebinError, os_errors
from onebin.system import is_there

if TYPE_CHECKING:
    from pathlib import Path

    from onebin.catalogue.offers import HostOffer


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

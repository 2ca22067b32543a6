"""An artifact together with the side-cars in its directory: what an audit and a bill of materials are about.

The artifact is not run. A side-car that it would refuse is not a part of it; who asks is told why.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from email.parser import BytesHeaderParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from onebin import card
from onebin.errors import ArtifactError, OnebinError, os_errors
from onebin.pack import bill_of_materials, licences_in
from onebin.sidecar.checking import unfit
from onebin.sidecar.container import SUFFIX, read_container
from onebin.sidecar.revocation import read_revoked
from onebin.system import absolute

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import Message

    from onebin.card import AcceptedSideCars, DistributionFacts, Facts, PluginFacts
    from onebin.sidecar.container import Container
    from onebin.sidecar.revocation import RevocationList

_USER_DATA = "{user-data}/"


@dataclass(frozen=True, kw_only=True)
class Beside:
    """The side-cars of an artifact: those that it accepts, and a line for each that it refuses."""

    facts: Facts
    accepted: tuple[Container, ...]
    refused: tuple[str, ...]

    @property
    def packages(self) -> dict[str, str]:
        """The version of each distribution that they bring, by canonical name."""
        return {each["name"]: each["version"] for one in self.accepted for each in one.facts["brings"]}

    def sbom(self) -> dict[str, Any]:
        """Return the bill of materials (CycloneDX 1.6) of the artifact and these side-cars."""
        facts = self.facts
        added = [row for each in self.accepted for row in _distributions(each, facts)]
        plugins = [_plugin(each) for each in self.accepted]
        whole: Facts = {
            **facts,
            "distributions": [*facts["distributions"], *added],
            "plugins": [*facts["plugins"], *plugins],
        }
        return bill_of_materials(whole)


def side_cars_of(artifact: Path) -> Beside:
    """Return what is in an artifact's directory for side-cars; nothing if it takes none. Raises ArtifactError."""
    file = card.located(absolute(artifact))
    facts = card.check(file)
    taken = facts["side_cars"]
    if taken is None:
        return Beside(facts=facts, accepted=(), refused=())
    name = taken["directory"]
    folder = file.parent / name
    if name.startswith(_USER_DATA):
        folder = _user_data(facts["bundle"]["name"]) / name.removeprefix(_USER_DATA)
    return side_cars_in(folder, facts, taken)


def side_cars_in(folder: Path, facts: Facts, taken: AcceptedSideCars) -> Beside:
    """Return what an artifact with these facts accepts of a folder; raises ArtifactError if it cannot be read."""
    with os_errors(ArtifactError, "read the side-cars in", folder):
        files = sorted(filter(_is_looked_at, folder.iterdir())) if folder.is_dir() else []
    refused: dict[str, str] = {}
    accepted: list[Container] = []
    try:
        revoked = read_revoked(folder, facts["bundle"]["name"], frozenset(taken["revocation_keys"].values()))
    except ValueError as error:
        refused = dict.fromkeys((each.name for each in files), str(error))
        files = []
    for each in files:
        try:
            read = read_container(each)
            reason = _reason(read, facts, revoked)
        except OnebinError as error:
            reason = error.message
        if reason is None:
            accepted.append(read)
        else:
            refused[each.name] = reason
    newest: dict[str, Container] = {}
    for one in sorted(accepted, key=lambda one: -one.facts["sequence"]):
        first = newest.setdefault(one.facts["name"], one)
        if first.sha256 != one.sha256:
            refused[one.file.name] = f"{first.file.name} is as new as this, or newer"
    lines = (f"{name}, which the artifact would refuse: {refused[name]}" for name in sorted(refused))
    used = (one for one in accepted if newest[one.facts["name"]] is one)
    return Beside(facts=facts, accepted=tuple(used), refused=tuple(lines))


def _is_looked_at(file: Path) -> bool:
    return file.suffix == SUFFIX and not file.name.startswith(".")


def _reason(read: Container, artifact: Facts, revoked: RevocationList) -> str | None:
    """Return why an artifact would refuse a side-car that is beside it; None if it would not."""
    if read.file.is_symlink():
        return "it is a link"
    if read.sha256 in revoked["files"]:
        return "it has been revoked"
    if read.signed_by in revoked["keys"]:
        return f"the key that it is signed with has been revoked: {read.signed_by}"
    sequence, least = read.facts["sequence"], revoked["minimum"].get(read.facts["name"], 0)
    if sequence < least:
        return f"its sequence number is {sequence}, and the revocation list wants {least} or more"
    return next((finding.message for finding in unfit(read, artifact)), None)


def _user_data(bundle: str) -> Path:
    """Return the user's folder for a program's data, where the program looks: no variable decides on it."""
    import pwd  # noqa: PLC0415  # Windows has none, nor artifacts that take side-cars

    home = Path(pwd.getpwuid(os.geteuid()).pw_dir)
    return home / ("Library/Application Support" if sys.platform == "darwin" else ".local/share") / bundle


def _plugin(read: Container) -> PluginFacts:
    facts = read.facts
    return {
        "name": facts["name"],
        "distribution": facts["name"],
        "version": facts["version"],
        "modules": facts["modules"],
        "entry_points": facts["entry_points"],
    }


def _distributions(read: Container, artifact: Facts) -> Iterator[DistributionFacts]:
    """Yield what a side-car brings as a card would have it; its archive is the side-car itself."""
    python = artifact["interpreter"]["version"]
    markers = {"python_full_version": python, "python_version": python.rpartition(".")[0], "extra": ""}
    for path, content in read.contents.items():
        info, _, name = path.partition("/")
        if info.endswith(".dist-info") and name == "METADATA":
            metadata = BytesHeaderParser().parsebytes(content)
            licences, field = licences_in(metadata)
            yield {
                "name": str(metadata["Name"]),
                "version": str(metadata["Version"]),
                "source": "archive",
                "sha256": [read.sha256],
                "requires": sorted(set(_requires(metadata, markers))),
                "licences": licences,
                "licences_from": field,
                "licence_files": [],
            }


def _requires(metadata: Message, markers: dict[str, str]) -> Iterator[str]:
    for line in metadata.get_all("Requires-Dist") or ():
        try:
            wanted = Requirement(line)
        except InvalidRequirement:
            continue
        if wanted.marker is None or wanted.marker.evaluate(dict(markers)):
            yield str(canonicalize_name(wanted.name))

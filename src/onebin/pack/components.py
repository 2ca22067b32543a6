"""Describe each locked distribution for the card: its source, digest, licences and requirements.

Takes a Plan and returns a row for each distribution, in the survey's order. Licences are those in METADATA: an
expression (PEP 639), or else `License`, or else the classifiers.
"""

from __future__ import annotations

import importlib.metadata
import re
import tomllib
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from onebin.survey import declared, edges

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onebin.card import DistributionFacts
    from onebin.check import Plan
    from onebin.survey import Distribution

_LICENCE_FILE = re.compile(r"^(?:LICEN[CS]E|COPYING|NOTICE|AUTHORS)", re.IGNORECASE)
# Some have the whole text of their licence in METADATA. Its first line names the licence, or nothing does.
_LONGEST_NAME = 200


def components(plan: Plan) -> list[DistributionFacts]:
    """Return what is known about each locked distribution."""
    lock = plan.lock
    locked = {str(canonicalize_name(entry["name"])): entry for entry in tomllib.loads(lock.text)["packages"]}
    wanted = [each.demand for each in declared(plan.manifest, plan.survey)]
    required = edges(plan.survey, [(each.name, extra) for each in wanted for extra in each.extras])
    return [_component(each, locked[each.name], required[each.name]) for each in plan.survey.distributions.values()]


def _component(distribution: Distribution, entry: Mapping[str, Any], requires: list[str]) -> DistributionFacts:
    found = importlib.metadata.PathDistribution(distribution.site_packages / distribution.info)
    licences, source = _licences(found.metadata)
    return {
        "name": distribution.title,
        "version": distribution.version,
        "source": _source(entry),
        "sha256": _digests(entry, found.read_text("WHEEL") or ""),
        "requires": requires,
        "licences": licences,
        "licences_from": source,
        "licence_files": _licence_files(distribution),
    }


def _licences(metadata: Any) -> tuple[list[str], Any]:
    """Return the licences declared in METADATA, and the field that declares them."""
    classifiers = [line for line in metadata.get_all("Classifier") or () if line.startswith("License ::")]
    said = {
        "License-Expression": [metadata.get("License-Expression") or ""],
        "License": [(metadata.get("License") or "").strip().partition("\n")[0].strip()],
        "Classifier": [line.rpartition("::")[2].strip() for line in classifiers],
    }
    for field, values in said.items():
        kept = [value[:_LONGEST_NAME] for value in values if value and value.upper() not in {"UNKNOWN", "NONE"}]
        if kept:
            return kept, field
    return [], None


def _licence_files(distribution: Distribution) -> list[str]:
    """Return the licence files in .dist-info, by their paths in it (PEP 639, and the conventions before it)."""
    inside = [PurePosixPath(file).relative_to(distribution.info) for file in distribution.files.metadata]
    return sorted(str(file) for file in inside if file.parts[0] == "licenses" or _LICENCE_FILE.match(file.name))


def _source(entry: Mapping[str, Any]) -> Any:
    kinds = {"archive": "archive", "directory": "folder", "vcs": "repository"}
    return next((kind for key, kind in kinds.items() if key in entry), "index")


def _digests(entry: Mapping[str, Any], wheel: str) -> list[str]:
    """Return the SHA-256 of the archive that was installed: if there are several wheels, the one with WHEEL's tags."""
    if "archive" in entry:
        return [each for each in [entry["archive"].get("hashes", {}).get("sha256")] if each]
    wheels = entry.get("wheels") or ([entry["sdist"]] if "sdist" in entry else [])
    tags = {line.partition(":")[2].strip() for line in wheel.splitlines() if line.startswith("Tag:")}
    fitting = [each for each in wheels if tags & _tags(each)] or wheels
    return sorted({each["hashes"]["sha256"] for each in fitting if "sha256" in each.get("hashes", {})})


def _tags(wheel: Mapping[str, Any]) -> set[str]:
    name = str(wheel.get("name") or wheel.get("url") or wheel.get("path") or "").rpartition("/")[2]
    try:
        return {str(tag) for tag in parse_wheel_filename(name)[3]}
    except InvalidWheelFilename:
        return set()

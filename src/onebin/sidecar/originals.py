"""The local projects of an artifact as wheels, made of the files in the artifact.

Who packs a plugin may not have the sources of a host that came from a folder. But the artifact is an installation, and
has every file of it as its wheel had them.
"""

from __future__ import annotations

import base64
import configparser
import csv
import hashlib
import io
import zipfile
from email.parser import BytesHeaderParser
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from onebin import card
from onebin.errors import ArtifactError, os_errors
from onebin.survey import SCRIPT_GROUPS
from onebin.tree import places_on

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from onebin.card import Facts
    from onebin.tree import Places

_OF_THE_INSTALLER = frozenset({"RECORD", "INSTALLER", "REQUESTED", "direct_url.json"})
_EPOCH = (1980, 1, 1, 0, 0, 0)


def wheels_in(file: Path, facts: Facts, names: Collection[str], folder: Path) -> dict[str, Path]:
    """Write a wheel into a folder for each of these distributions of an artifact, and return them by canonical name.

    One that has a program which is no entry point is left out: an installer has changed its first line. The artifact is
    not run. Raises ArtifactError.
    """
    owned = {row["path"]: row["owner"] for row in facts["files"] if row["owner"] in names and "link" not in row}
    found: dict[str, dict[str, bytes]] = {name: {} for name in names}
    with os_errors(ArtifactError, "read", file):
        for path, content, _ in card.contents_of(file, facts):
            if path in owned:
                found[owned[path]][path] = content
    places = places_on(facts["interpreter"]["platform"], facts["interpreter"]["version"].rpartition(".")[0])
    made = ((name, _wheel(files, places, folder)) for name, files in found.items())
    return {name: wheel for name, wheel in made if wheel is not None}


def _wheel(files: Mapping[str, bytes], places: Places, folder: Path) -> Path | None:
    """Write the wheel of a distribution by its files in a tree; None if it cannot be made."""
    root, own = places.site_packages, f"{places.programs}/"
    inside = {path.removeprefix(f"{root}/"): each for path, each in files.items() if path.startswith(f"{root}/")}
    info = next((path.partition("/")[0] for path in inside if path.endswith(".dist-info/METADATA")), None)
    if info is None:
        return None
    scripts = _scripts(inside.get(f"{info}/entry_points.txt", b"").decode("utf-8", "replace"))
    outside = {path: each for path, each in files.items() if not path.startswith(f"{root}/")}
    programs = {path for path in outside if path.startswith(own)}
    if not programs <= {f"{own}{name}" for name in scripts}:
        return None
    kept = {path: each for path, each in inside.items() if path not in {f"{info}/{name}" for name in _OF_THE_INSTALLER}}
    data = {f"{info.removesuffix('.dist-info')}.data/data/{path}": outside[path] for path in outside.keys() - programs}
    return _write(folder, info, {**kept, **data})


def _scripts(text: str) -> set[str]:
    """Return the names of the entry points that an installer makes programs of."""
    parser = configparser.ConfigParser(delimiters=("=",), interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # names keep their case
    parser.read_string(text)
    return {name for group in SCRIPT_GROUPS if parser.has_section(group) for name in parser.options(group)}


def _write(folder: Path, info: str, files: Mapping[str, bytes]) -> Path:
    """Write a wheel (PEP 427) with a RECORD of its own."""
    record = io.StringIO()
    rows = [(path, _digest(each), len(each)) for path, each in sorted(files.items())]
    csv.writer(record, lineterminator="\n").writerows([*rows, (f"{info}/RECORD", "", "")])
    tags = [line.split("-") for line in BytesHeaderParser().parsebytes(files[f"{info}/WHEEL"]).get_all("Tag") or ()]
    tag = "-".join(".".join(sorted(set(part))) for part in zip(*tags, strict=True))
    name, _, version = info.removesuffix(".dist-info").rpartition("-")
    file = folder / f"{canonicalize_name(name).replace('-', '_')}-{version}-{tag}.whl"
    with zipfile.ZipFile(file, "w") as archive:
        for path, content in [*sorted(files.items()), (f"{info}/RECORD", record.getvalue().encode())]:
            entry = zipfile.ZipInfo(path, _EPOCH)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)
    return file


def _digest(content: bytes) -> str:
    return f"sha256={base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip('=')}"

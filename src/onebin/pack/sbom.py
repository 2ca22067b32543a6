"""The software bill of materials of an artifact: CycloneDX 1.6 (ECMA-424), as JSON.

Takes the facts of a card and returns a document that depends only on them: it has no time, and its serial number is
derived from their digest. A distribution has a package URL only if it came from an index: for a local project, someone
else could have published another package under its name.
"""

from __future__ import annotations

import json
import uuid
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import DisjunctiveLicense, LicenseExpression
from cyclonedx.model.tool import ToolRepository
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.spdx import fixup_id, is_expression
from packageurl import PackageURL
from packaging.utils import canonicalize_name

from onebin.card import BOOTLOADER, C_LIBRARY, INTERPRETER, LAUNCHER, ONEBIN, OTHER_LICENCES, SYSTEM
from onebin.system import sha256_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from onebin.card import DistributionFacts, Facts, Release

_MAKER = "pyinstaller"


def bill_of_materials(facts: Facts) -> dict[str, Any]:
    """Return the bill of materials of an artifact with these facts; their own `sbom` is ignored."""
    host, plugins = canonicalize_name(facts["host"]["name"]), [each["distribution"] for each in facts["plugins"]]
    roles = {**dict.fromkeys(map(canonicalize_name, plugins), "plugin"), host: "host"}
    rows = {canonicalize_name(each["name"]): each for each in facts["distributions"]}
    distributions = {name: _distribution(each, roles.get(name)) for name, each in rows.items()}
    others = list(_others(facts))
    root = Component(
        name=facts["bundle"]["name"],
        type=ComponentType.APPLICATION,
        version=facts["host"]["version"],
        bom_ref="artifact",
    )
    own: Release = {"name": "onebin", "version": facts["onebin"]}
    tools = [_release(each) for each in (*facts["toolchain"], own)]
    bom = Bom(
        components=[*distributions.values(), *others],
        serial_number=uuid.uuid5(uuid.NAMESPACE_OID, sha256_of({**facts, "sbom": {}})),
        metadata=BomMetaData(component=root, tools=ToolRepository(components=tools)),
    )
    bom.register_dependency(root, [*(each for name, each in distributions.items() if name in roles), *others])
    for name, row in rows.items():
        needed = [distributions[each] for each in map(canonicalize_name, row["requires"]) if each in distributions]
        bom.register_dependency(distributions[name], needed)
    document: dict[str, Any] = json.loads(JsonV1Dot6(bom).output_as_string())
    del document["metadata"]["timestamp"]  # the library always adds one, but a build has none
    return document


def _distribution(row: DistributionFacts, role: str | None) -> Component:
    name = canonicalize_name(row["name"])
    noted = {"onebin:role": role, "onebin:source": row["source"]}
    return Component(
        name=row["name"],
        version=row["version"],
        type=ComponentType.APPLICATION if role == "host" else ComponentType.LIBRARY,
        bom_ref=f"{name}@{row['version']}",
        purl=PackageURL("pypi", name=name, version=row["version"]) if row["source"] == "index" else None,
        hashes=_hashes(row["sha256"]),
        licenses=_licences(row["licences"]),
        properties=[Property(name=key, value=value) for key, value in noted.items() if value],
    )


def _others(facts: Facts) -> Iterator[Component]:
    """Yield what is not from a distribution: the interpreter, the bootloader, onebin's own parts, system libraries."""
    python, own = facts["interpreter"], facts["onebin"]
    yield Component(
        name=python["implementation"],
        version=python["version"],
        type=ComponentType.PLATFORM,
        bom_ref=INTERPRETER,
        purl=PackageURL("generic", name=python["implementation"].lower(), version=python["version"]),
        cpe=f"cpe:2.3:a:python:python:{python['version']}:*:*:*:*:*:*:*",
        licenses=_licences([OTHER_LICENCES[INTERPRETER]]),
    )
    if facts["layout"] == "onefile":
        maker = next((each["version"] for each in facts["toolchain"] if each["name"] == _MAKER), None)
        yield Component(
            name="PyInstaller's bootloader",
            version=maker,
            bom_ref=BOOTLOADER,
            purl=PackageURL("pypi", name=_MAKER, version=maker),
            licenses=_licences([OTHER_LICENCES[BOOTLOADER]]),
        )
    licences = _licences([OTHER_LICENCES[ONEBIN]])
    yield Component(name="onebin-runtime", version=own, bom_ref=ONEBIN, licenses=licences)
    if facts["launcher"]:
        digest = _hashes([facts["launcher"]["sha256"]])
        yield Component(name="onebin-launcher", version=own, bom_ref=LAUNCHER, hashes=digest, licenses=licences)
    for row in facts["files"]:
        if row["owner"] in {SYSTEM, C_LIBRARY} and "link" not in row:
            name = PurePosixPath(row["path"]).name
            reference = f"file:{row['path']}"
            yield Component(name=name, type=ComponentType.FILE, bom_ref=reference, hashes=_hashes([row["sha256"]]))


def _release(release: Release) -> Component:
    return Component(
        name=release["name"],
        version=release["version"],
        type=ComponentType.APPLICATION,
        bom_ref=f"tool:{release['name']}@{release['version']}",
    )


def _hashes(sha256: Iterable[str]) -> list[HashType]:
    """Return the digest if there is only one; with several, it is not known which one was used."""
    digests = list(sha256)
    return [HashType(alg=HashAlgorithm.SHA_256, content=digests[0])] if len(digests) == 1 else []


def _licences(names: Iterable[str]) -> list[DisjunctiveLicense | LicenseExpression]:
    """Return licences as SPDX identifiers or expressions if they are valid ones, else as names."""
    found = list(names)
    if len(found) == 1 and fixup_id(found[0]) is None and is_expression(found[0]):
        return [LicenseExpression(found[0])]
    return [
        DisjunctiveLicense(id=fixup_id(name)) if fixup_id(name) else DisjunctiveLicense(name=name) for name in found
    ]

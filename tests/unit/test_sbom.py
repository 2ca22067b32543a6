"""The bill of materials: it is valid, the same for the same facts, and correct."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from onebin.pack.sbom import bill_of_materials

if TYPE_CHECKING:
    from onebin.card.facts import DistributionFacts, Facts

HASH = "a1" * 32


def distribution(name: str, **other: Any) -> DistributionFacts:
    """Return the facts of a distribution from an index, with these values changed."""
    row: dict[str, Any] = {"version": "1.0", "source": "index", "sha256": [HASH], "requires": [], "licences": []}
    return {"name": name, **row, "licences_from": None, "licence_files": [], **other}  # type: ignore[typeddict-item]  # complete


def facts(*distributions: DistributionFacts, **other: Any) -> Facts:
    """Return the facts that a bill of materials needs: the first is the host, others are plugins by name."""
    named = [row["name"] for row in distributions]
    said: dict[str, Any] = {
        "bundle": {"name": "tiny"},
        "onebin": "0.1.0",
        "host": {"name": named[0], "version": "1.0", "entry": "a:b"},
        "plugins": [{"distribution": name} for name in named if "plug" in name.lower()],
        "distributions": list(distributions),
        "interpreter": {"implementation": "CPython", "version": "3.12.1", "platform": "linux-x86_64"},
        "toolchain": [{"name": "pyinstaller", "version": "6.22.3"}],
        "layout": "cached",
        "launcher": {"bytes": 1, "sha256": HASH},
        "files": [
            {"path": "python/lib/libz.so.1", "owner": "system", "bytes": 1, "sha256": HASH},
            {"path": "python/lib/libz.so", "owner": "system", "bytes": 1, "sha256": HASH, "link": "libz.so.1"},
            {"path": "lib/python3.12/site-packages/Host/x.py", "owner": "host", "bytes": 1, "sha256": HASH},
        ],
    }
    return {**said, **other}  # type: ignore[typeddict-item]  # only the facts that bill_of_materials() reads


def component(document: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the component with this name."""
    (found,) = [each for each in document["components"] if each["name"] == name]
    return dict(found)


BUNDLE = (
    distribution("Host", requires=["dep-end"]),
    distribution("A.Plug", requires=["host", "dep-end"], source="folder", sha256=[]),
    distribution("dep_end", sha256=[HASH, "b2" * 32]),
)


def test_sbom_is_valid() -> None:
    """The SBOM passes CycloneDX's strict validator for version 1.6."""
    text = json.dumps(bill_of_materials(facts(*BUNDLE)))
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None


def test_sbom_depends_only_on_the_facts() -> None:
    """The same facts give the same SBOM, which has no timestamp; other facts give another serial number."""
    text = json.dumps(bill_of_materials(facts(*BUNDLE)))
    assert json.dumps(bill_of_materials(facts(*BUNDLE))) == text
    assert bill_of_materials(facts(*BUNDLE[:2]))["serialNumber"] != json.loads(text)["serialNumber"]
    assert "timestamp" not in text


def test_sbom_names_everything_in_the_artifact() -> None:
    """The SBOM has the distributions, the interpreter, onebin's parts and system libraries."""
    document = bill_of_materials(facts(*BUNDLE))
    assert {each["name"] for each in document["components"]} == {
        *("Host", "A.Plug", "dep_end", "CPython"),
        *("onebin-runtime", "onebin-launcher", "libz.so.1"),
    }
    assert component(document, "libz.so.1")["hashes"] == [{"alg": "SHA-256", "content": HASH}]
    assert component(document, "CPython")["purl"] == "pkg:generic/cpython@3.12.1"


def test_bootloader_is_in_one_file_executables_only() -> None:
    """The SBOM names PyInstaller's bootloader, with its version, if the artifact is started by it."""
    document = bill_of_materials(facts(*BUNDLE, layout="onefile", launcher=None))
    assert component(document, "PyInstaller's bootloader")["version"] == "6.22.3"
    assert "onebin-launcher" not in {each["name"] for each in document["components"]}


def test_only_packages_of_an_index_have_a_package_url() -> None:
    """A local project has no package URL, since an index may have another package with its name."""
    document = bill_of_materials(facts(*BUNDLE))
    assert component(document, "Host")["purl"] == "pkg:pypi/host@1.0"
    assert "purl" not in component(document, "A.Plug")


def test_digest_is_present_if_there_is_one_archive() -> None:
    """A component has the lock's digest if there is exactly one archive."""
    document = bill_of_materials(facts(*BUNDLE))
    assert component(document, "Host")["hashes"] == [{"alg": "SHA-256", "content": HASH}]
    assert "hashes" not in component(document, "dep_end")


def test_graph_is_that_of_the_requirements() -> None:
    """The artifact depends on host, plugins and fixed parts, and each distribution on its requirements."""
    graph = {row["ref"]: row.get("dependsOn", []) for row in bill_of_materials(facts(*BUNDLE))["dependencies"]}
    assert set(graph["artifact"]) >= {"host@1.0", "a-plug@1.0", "interpreter", "onebin", "launcher"}
    assert "dep-end@1.0" not in graph["artifact"]
    assert graph["host@1.0"] == ["dep-end@1.0"]
    assert graph["a-plug@1.0"] == ["dep-end@1.0", "host@1.0"]


@pytest.mark.parametrize(
    ("licences", "expected"),
    [
        ([], None),
        (["mit"], [{"license": {"id": "MIT"}}]),
        (["MIT OR Apache-2.0"], [{"expression": "MIT OR Apache-2.0"}]),
        (["my own"], [{"license": {"name": "my own"}}]),
        (["BSD License", "MIT"], [{"license": {"id": "MIT"}}, {"license": {"name": "BSD License"}}]),
        (["MIT OR Apache-2.0", "x"], [{"license": {"name": "MIT OR Apache-2.0"}}, {"license": {"name": "x"}}]),
    ],
)
def test_licences_by_identifier_expression_or_name(licences: list[str], expected: object) -> None:
    """Licences that SPDX knows are identifiers, others are names, and an expression is used only alone."""
    document = bill_of_materials(facts(distribution("Host", licences=licences)))
    assert component(document, "Host").get("licenses") == expected
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(document)) is None

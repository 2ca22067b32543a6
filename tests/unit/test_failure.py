"""An error for programs: as JSON with a schema, and as annotations; its findings say where they are in the manifest."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import jsonschema
import pytest

import onebin
from onebin.cli.report import annotate
from onebin.errors import Finding, LockError, ManifestError, Place
from onebin.manifest import Manifest
from onebin.pipeline.failure import schema

if TYPE_CHECKING:
    from pathlib import Path

TEXT = """\
[bundle]
name = "x"

[host]
package = "x"
script = "x"

[plugins]
y = "*"
"z.w" = { modules = ["z.w"] }

[extension-points."a.b"]
contract = "x:Y"
"""


@pytest.mark.parametrize(
    ("where", "place"),
    [
        ("bundle.toml", Place("bundle.toml")),
        ("sub/other.toml:7", Place("sub/other.toml", 7)),
        ("bundle.toml:7:3", Place("bundle.toml", 7)),
        ("bundle.toml: host.script", Place("bundle.toml", None, "host.script")),
        ('bundle.toml:12: extension-points."a.toml: b"', Place("bundle.toml", 12, 'extension-points."a.toml: b"')),
        ("C:\\here\\bundle.toml:3: host", Place("C:\\here\\bundle.toml", 3, "host")),
        ("numpy", Place()),
        ("dist/x", Place()),
    ],
)
def test_place_of_a_finding(where: str, place: Place) -> None:
    """A finding's text says file, line and key of the manifest; any other text is no place."""
    assert Finding(where, "odd").place == place


@pytest.mark.parametrize(
    ("key", "line"),
    [
        ("host", 4),
        ("host.script", 6),
        ("host.entry", 4),
        ("plugins.y", 9),
        ("plugins.y.isolate", 9),
        ('plugins."z.w".modules[0]', 10),
        ('extension-points."a.b".contract', 13),
        ("freeze.data", None),
    ],
)
def test_finding_about_a_key_gets_its_line(key: str, line: int | None, tmp_path: Path) -> None:
    """A key that is known only after the lock gets its line, or that of what it would be in."""
    file = tmp_path / "bundle.toml"
    found = Manifest.parse(TEXT, file=file).with_line(Finding(f"{file}: {key}", "odd", "mend it"))
    assert found.place == Place(str(file), line, key)
    assert (found.message, found.hint) == ("odd", "mend it")


def test_other_findings_stay_as_they_are(tmp_path: Path) -> None:
    """A finding about something else, or one that has a line, is not changed."""
    manifest = Manifest.parse(TEXT, file=tmp_path / "bundle.toml")
    for where in ("numpy", f"{manifest.file}:2: host", "other.toml: host", str(manifest.file)):
        finding = Finding(where, "odd")
        assert manifest.with_line(finding) == finding


def test_failure_is_plain_data_with_a_schema() -> None:
    """An error becomes data that fits the schema: its class, code and hint, and each finding with its plugin."""
    findings = [
        Finding('b.toml:10: plugins."z.w".isolate', "odd", "mend it"),
        Finding("b.toml: plugins.y", "odd"),
        Finding("six", "odd"),
    ]
    found = onebin.failure_of(ManifestError("it is wrong", findings))
    jsonschema.validate(found, schema())
    assert found["ok"] is False
    assert (found["error"]["class"], found["error"]["exit_code"]) == ("ManifestError", 3)
    assert [row["plugin"] for row in found["error"]["findings"]] == ["z.w", "y", None]
    assert found["error"]["findings"][0]["line"] == 10
    jsonschema.validate(onebin.failure_of(LockError("it is wrong", "mend it")), schema())


def test_annotations_escape_what_github_would_read(capsys: pytest.CaptureFixture[str]) -> None:
    """Each finding is one line that names file and line; an error without findings is one itself."""
    annotate(ManifestError("it is wrong", [Finding("a,b.toml:3: host", "100 %\n::error::x", "mend it")]))
    annotate(LockError("no lock", "run it"))
    assert capsys.readouterr().err.splitlines() == [
        "::error file=a%2Cb.toml,line=3,title=onebin%3A ManifestError::host: 100 %25%0A::error::x%0Ahint: mend it",
        "::error title=onebin%3A LockError::no lock%0Ahint: run it",
    ]


def test_events_and_failures_are_json(tmp_path: Path) -> None:
    """A failure survives a round trip through JSON."""
    found = onebin.failure_of(ManifestError("it is wrong", [Finding(str(tmp_path), "odd")]))
    assert json.loads(json.dumps(found)) == found

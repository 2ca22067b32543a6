"""What is generated for an artifact that takes side-cars, and that nothing is for one that takes none."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from onebin.check.plan import without_installation
from onebin.codegen import render
from onebin.codegen.collection import has_start_hook
from onebin.errors import ManifestError
from onebin.pipeline import BuildRequest, plan as plan_of
from onebin.stage import Toolchain
from onebin.trust import fingerprint, read_public_key
from onebin.workspace import Workspace
from support.builders import distribution, manifest, plan, planned, survey

if TYPE_CHECKING:
    from pathlib import Path

    from onebin.check import Plan

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea"
TABLE = f'[side-cars]\nkeys = ["{KEY} me"]\nminimum = {{ z = 1, a = 2 }}\n'


def planned_with(tables: str, folder: Path) -> Plan:
    """Return the plan of a bundle with these tables in its manifest."""
    host, plug = distribution("demo", modules=["demo"]), distribution("plug", modules=["plug"])
    return plan(manifest(tables, directory=folder), survey(host, plug), planned(plug))


def generated(tables: str, folder: Path, *, development: str | None = None) -> dict[str, str]:
    """Return the generated files of a bundle with these tables."""
    tools = folder / "tools"
    tools.mkdir()
    bundle = replace(planned_with(tables, folder), development=development)
    return dict(render(bundle, Toolchain(key="", directory=tools)).files)


def test_artifact_without_the_table_has_nothing_of_it(tmp_path: Path) -> None:
    """Without [side-cars], neither settings nor code for them are generated, and no start is needed."""
    files = generated("", tmp_path)
    assert not [name for name in files if "side_cars" in name]
    assert "side_cars" not in files["onebin_start.py"]
    assert not has_start_hook(planned_with("", tmp_path))


def test_settings_are_frozen(tmp_path: Path) -> None:
    """With [side-cars], the settings are constants in a module, and each start looks for side-cars."""
    development = "11" * 32
    files = generated(TABLE, tmp_path, development=development)
    (assignment,) = (each for each in ast.parse(files["onebin_side_cars.py"]).body if isinstance(each, ast.Assign))
    own, other = fingerprint(read_public_key(KEY)), fingerprint(bytes.fromhex(development))
    assert ast.literal_eval(assignment.value) == {
        "bundle": "demo",
        "directory": "demo.plugins",
        "keys": {own: read_public_key(KEY).hex(), other: development},
        "revocation_keys": {},
        "load": "start",
        "isolate": False,
        "minimum": {"a": 2, "z": 1},
        "development": other,
    }
    assert "plugins_at_start=False, side_cars=True)" in files["onebin_start.py"]
    assert "onebin_runtime/side_cars/__init__.py" in files
    assert has_start_hook(planned_with(TABLE, tmp_path))


def test_somebody_must_be_able_to_sign(tmp_path: Path) -> None:
    """A bundle without keys is refused before anything is locked, unless it gets the development key."""
    bundle = manifest("[side-cars]\n", directory=tmp_path)
    request = BuildRequest(manifest=bundle, workspace=Workspace.at(bundle.file))
    with pytest.raises(ManifestError) as caught:
        plan_of(request)
    (finding,) = caught.value.findings
    assert "no key" in finding.message
    assert "--dev" in str(finding.hint)


def test_platform_without_a_launcher_takes_none(tmp_path: Path) -> None:
    """Where only one-file programs can be made, side-cars are a finding of the check."""
    bundle = planned_with(TABLE, tmp_path)
    found = list(without_installation(bundle.manifest, bundle.survey, "onefile", "bundle.toml"))
    assert [each.where for each in found] == ["bundle.toml: side-cars"]
    assert not list(without_installation(bundle.manifest, bundle.survey, "onedir", "bundle.toml"))

"""The cells of a matrix: which there are, what they are called, and what is asked for each."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from onebin.errors import LockError, ManifestError
from onebin.farm import cells_of, github_matrix
from onebin.farm.cells import request_of
from onebin.farm.keys import Keys
from onebin.manifest import Manifest
from onebin.pipeline import BuildRequest
from onebin.platforms import this_platform
from onebin.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Sequence

BUNDLE = """[bundle]
name = "tool"

[host]
package = "tool"
script = "tool"

[plugins]
tool-a = "*"
tool-b = { version = "*", after = ["tool-a"] }
Tool_C = "*"

[budget.plugin.tool-b]
size = "1 MB"
"""


def _manifest(table: str, bundle: str = BUNDLE) -> Manifest:
    return Manifest.parse(f"{bundle}\n[matrix]\n{table}", file=Path("bundle.toml"))


def _names(table: str, patterns: Sequence[str] = ()) -> list[str]:
    return [cell.name for cell in cells_of(_manifest(table), patterns)]


def _findings(table: str) -> str:
    with pytest.raises(ManifestError) as caught:
        _names(table)
    return "\n".join(f"{each.where}: {each.message} ({each.hint})" for each in caught.value.findings)


def test_cells_are_the_product_of_variants_pythons_and_platforms() -> None:
    """There is a cell for each variant, `full` among them, each Python and each platform."""
    table = 'pythons = ["3.10", "3.12"]\nplatforms = ["linux-x86_64"]\nvariants.lite = ["tool-a"]'
    assert _names(table) == [
        "lite-py3.10-linux-x86_64",
        "lite-py3.12-linux-x86_64",
        "full-py3.10-linux-x86_64",
        "full-py3.12-linux-x86_64",
    ]


def test_excluded_cells_are_left_out_and_included_ones_added() -> None:
    """A row of `exclude` or `include` stands for every value of what it does not name; a cell is there once."""
    table = """
pythons = ["3.10", "3.12"]
platforms = ["linux-x86_64", "linux-aarch64"]
variants.lite = ["tool-a"]
exclude = [{ variant = "lite" }, { python = "3.10", platform = "linux-aarch64" }]
include = [{ variant = "lite", python = "3.13", platform = "windows-x86_64" }, { python = "3.12", variant = "full" }]
"""
    assert _names(table) == [
        "full-py3.10-linux-x86_64",
        "full-py3.12-linux-x86_64",
        "full-py3.12-linux-aarch64",
        "lite-py3.13-windows-x86_64",
    ]


def test_without_a_table_there_is_one_cell_for_this_machine() -> None:
    """A manifest without [matrix] has one cell: all plugins, its own Python, and this machine's platform."""
    manifest = Manifest.parse(BUNDLE.replace('"tool"\n', '"tool"\npython = "3.13"\n', 1), file=Path("bundle.toml"))
    (cell,) = cells_of(manifest)
    here = this_platform()
    assert here is not None
    assert cell.name == f"full-py3.13-{here.name}"
    assert cell.plugins == ("tool-a", "tool-b", "Tool_C")


def test_names_of_uv_are_platforms_too() -> None:
    """A platform can have the name that uv gives it, and is called by ours."""
    assert _names('pythons = ["3.12"]\nplatforms = ["aarch64-apple-darwin"]') == ["full-py3.12-macos-arm64"]


def test_files_are_named_by_the_pattern() -> None:
    """The pattern names the files in dist; on Windows they have the suffix of programs."""
    table = 'pythons = ["3.12"]\nplatforms = ["windows-x86_64"]\nname = "{name}_{variant}.{python}{suffix}"'
    assert [cell.file for cell in cells_of(_manifest(table))] == ["tool_full.3.12.exe"]


def test_two_cells_cannot_be_one_file() -> None:
    """A pattern that gives two cells the same file is an error that names both."""
    said = _findings('pythons = ["3.10", "3.12"]\nplatforms = ["linux-x86_64"]\nname = "{name}-{variant}"')
    assert "bundle.toml:19: matrix.name" in said
    assert "full-py3.10-linux-x86_64 and full-py3.12-linux-x86_64 would be the same file, tool-full" in said


def test_two_files_cannot_differ_in_case_only() -> None:
    """Variants whose names differ in case only are an error: on some systems their files would be one."""
    said = _findings('pythons = ["3.12"]\nplatforms = ["linux-x86_64"]\nvariants.lite = []\nvariants.Lite = []')
    assert "lite-py3.12-linux-x86_64 and Lite-py3.12-linux-x86_64 differ in case only" in said


def test_nothing_left_is_an_error() -> None:
    """A matrix without cells is an error."""
    assert "no cell is left" in _findings('pythons = ["3.12"]\nexclude = [{ python = "3.12" }]')


def test_a_folder_cannot_be_stored() -> None:
    """The layout of a folder is refused with its line."""
    with pytest.raises(ManifestError) as caught:
        cells_of(Manifest.parse(f'{BUNDLE}\n[freeze]\nlayout = "onedir"\n', file=Path("bundle.toml")))
    assert caught.value.findings[0].where == "bundle.toml:17: freeze.layout"


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ('pythons = ["2.7"]', 'matrix.pythons[0]: expected a Python version (3.10 or later), found "2.7"'),
        ('platforms = ["linux-x86"]', "did you mean 'linux-x86_64'?"),
        ('variants.lite = ["tool-z"]', 'matrix.variants.lite: there is no plugin "tool-z"'),
        ("variants.full = []", 'matrix.variants.full: "full" always has all plugins'),
        (
            'exclude = [{ variant = "lite" }]',
            'matrix.exclude[0]: there is no variant "lite" (the only variant is full)',
        ),
        ('variants.small = []\nexclude = [{ variant = "lite" }]', "(the variants are small, full)"),
        ('exclude = [{ pyhton = "3.11" }]', "matrix.exclude[0].pyhton: unknown key `pyhton` (did you mean `python`?)"),
        ('include = [{ pythons = "3.11" }]', "unknown key `pythons` (did you mean `python`?)"),
        ("include = [{}]", "matrix.include[0]: it names nothing"),
        ('name = "{nam}"', 'matrix.name: "{nam}" has the field {nam}, which means nothing'),
        ('name = "{name"', "has a brace by itself"),
        ('name = "../{name}"', "matrix.name: expected a file name with fields in braces"),
        ('python = "3.12"', "matrix.python: unknown key `python`"),
    ],
)
def test_wrong_tables_are_findings(table: str, said: str) -> None:
    """Each mistake in [matrix] is a finding with its key."""
    assert said in _findings(table)


def test_cells_are_chosen_by_patterns() -> None:
    """Patterns choose cells by name; one that fits none is an error with the cells that there are."""
    table = 'pythons = ["3.10", "3.12"]\nplatforms = ["linux-x86_64"]\nvariants.lite = ["tool-a"]'
    assert _names(table, ["lite-*", "*3.12*"]) == [
        "lite-py3.10-linux-x86_64",
        "lite-py3.12-linux-x86_64",
        "full-py3.12-linux-x86_64",
    ]
    with pytest.raises(ManifestError, match=r"no cell of bundle\.toml is called 'light-") as caught:
        _names(table, ["light-*"])
    assert "lite-py3.10-linux-x86_64" in str(caught.value.hint)


def test_request_of_a_cell_has_its_python_plugins_lock_and_platform(tmp_path: Path) -> None:
    """A cell's manifest is the bundle's, with another Python, fewer plugins and no matrix; its lock is its own."""
    table = 'pythons = ["3.12"]\nplatforms = ["linux-aarch64"]\nvariants.lite = ["Tool.C", "tool-a"]'
    manifest = Manifest.parse(f"{BUNDLE}\n[matrix]\n{table}", file=tmp_path / "bundle.toml")
    cell = cells_of(manifest, ["lite-*"])[0]
    build = BuildRequest(manifest=manifest, workspace=Workspace.at(tmp_path))
    request = request_of(cell, build)
    assert [row.name for row in request.manifest.plugins] == ["tool-a", "Tool_C"]
    assert (request.manifest.bundle.python, request.manifest.matrix) == ("3.12", None)
    assert request.workspace.lock_file("tool").name == "pylock.tool-lite-py312-linux-aarch64.toml"
    assert str(request.platform) == "linux-aarch64"


def test_lock_of_a_cell_is_updated_by_the_matrix(tmp_path: Path) -> None:
    """A cell whose lock may not be written says which command writes it: `onebin lock` writes another one."""
    table = f'pythons = ["{sys.version_info.major}.{sys.version_info.minor}"]'
    manifest = Manifest.parse(f"{BUNDLE}\n[matrix]\n{table}", file=tmp_path / "bundle.toml")
    build = BuildRequest(manifest=manifest, workspace=Workspace.at(tmp_path), locked=True)
    with pytest.raises(LockError, match="the lock is out of date") as caught:
        Keys(build=build).of(cells_of(manifest)[0])
    (finding,) = caught.value.findings
    assert "pylock.tool-full-py" in finding.where
    assert finding.hint == "run `onebin matrix` without --locked and commit the result"


def test_a_matrix_does_not_change_what_an_ordinary_build_makes() -> None:
    """The text that decides on artifacts has no [matrix]."""
    assert _manifest('pythons = ["3.12"]\n').built_text == Manifest.parse(BUNDLE, file=Path("bundle.toml")).built_text


def test_each_platform_has_a_runner_of_github() -> None:
    """The matrix for GitHub names a runner for every platform that there is."""
    every = "linux-x86_64 linux-aarch64 linux-x86_64-musl linux-aarch64-musl windows-x86_64 macos-arm64 macos-x86_64"
    table = f'pythons = ["3.12"]\nplatforms = ["{every.replace(" ", chr(34) + ", " + chr(34))}"]'
    rows = github_matrix(cells_of(_manifest(table)))["include"]
    assert [row["platform"] for row in rows] == every.split()
    assert all(row["runs-on"] for row in rows)
    assert rows[1] == {
        "cell": "full-py3.12-linux-aarch64",
        "variant": "full",
        "python": "3.12",
        "platform": "linux-aarch64",
        "file": "tool-full-py3.12-linux-aarch64",
        "runs-on": "ubuntu-24.04-arm",
    }

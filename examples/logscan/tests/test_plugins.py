"""Broken plugins, and how the command handles them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from .command import Logscan

BROKEN = {
    "absent": "logscan_unsound_absent:Parser",
    "misnamed": "logscan_unsound:Misnamed",
    "partial": "logscan_unsound:Partial",
    "raising": "logscan_unsound:Raising",
}
"""The entry points of plugins that do not load or break the contract."""

FAULTS = {
    "absent": "does not load: ModuleNotFoundError: No module named 'logscan_unsound_absent'",
    "misnamed": "does not load: its parser calls itself 'partial'",
    "partial": "does not load: logscan_unsound:Partial makes no logscan.contract.Parser",
    "raising": "cannot sniff: ZeroDivisionError",
}
"""The error message for each of them."""


def broken_plugins(directory: Path, entry_points: Mapping[str, str]) -> dict[str, str]:
    """Write a distribution of broken plugins into `directory`; return the environment that makes Python find it."""
    metadata = directory / "logscan_unsound-0.1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: logscan-unsound\nVersion: 0.1\n")
    rows = "\n".join(f"{name} = {value}" for name, value in entry_points.items())
    (metadata / "entry_points.txt").write_text(f"[logscan.parsers]\n{rows}\n")
    (directory / "logscan_unsound.py").write_text(
        "class Partial:\n"
        "    name = 'partial'\n"
        "class Misnamed(Partial):\n"
        "    def sniff(self, head): raise ZeroDivisionError\n"
        "    def parse(self, stream): raise OSError('out of\\nluck')\n"
        "class Raising(Misnamed):\n"
        "    name = 'raising'\n"
    )
    return {"PYTHONPATH": str(directory)}


@pytest.mark.network
def test_broken_plugins_are_skipped(logscan: Logscan, tmp_path: Path) -> None:
    """A plugin that does not load or breaks the contract is reported in one line, and the others work."""
    done = logscan("scan", "--json", "app.jsonl", env=broken_plugins(tmp_path, BROKEN))
    assert (done.code, done.json[0]["format"]) == (0, "jsonl")
    for line, (name, fault) in zip(done.err.splitlines(), FAULTS.items(), strict=True):
        assert line == f"logscan: format {name!r} (logscan-unsound 0.1) {fault}"


@pytest.mark.network
def test_format_option_loads_one_plugin_only(logscan: Logscan, tmp_path: Path) -> None:
    """With `--format` the other plugins are not imported, so their errors are not reported."""
    done = logscan("scan", "--format", "csv", "orders.csv", env=broken_plugins(tmp_path, BROKEN))
    assert (done.code, done.err) == (0, "")


@pytest.mark.network
def test_format_option_fails_if_the_plugin_does_not_load(logscan: Logscan, tmp_path: Path) -> None:
    """If the plugin of the format given with `--format` does not load, the command fails with one line of error."""
    done = logscan("scan", "--format", "partial", "app.jsonl", env=broken_plugins(tmp_path, BROKEN))
    assert (done.code, done.out) == (2, "")
    assert done.err == f"logscan: format 'partial' (logscan-unsound 0.1) {FAULTS['partial']}\n"


@pytest.mark.network
def test_parser_that_raises_fails_its_file(logscan: Logscan, tmp_path: Path) -> None:
    """If a parser raises, which the contract forbids, one line of error names the file and the plugin."""
    done = logscan("scan", "--format", "raising", "app.jsonl", env=broken_plugins(tmp_path, BROKEN))
    assert (done.code, done.out) == (2, "")
    assert done.err == ("logscan: app.jsonl: format 'raising' (logscan-unsound 0.1) failed: OSError: out of luck\n")


@pytest.mark.network
def test_second_format_with_the_same_name_is_skipped(logscan: Logscan, tmp_path: Path) -> None:
    """If two distributions have a format of the same name, the first by name is used, and one line says so."""
    env = broken_plugins(tmp_path, {"jsonl": "logscan_unsound:Raising"})
    done = logscan("scan", "--json", "app.jsonl", env=env)
    assert (done.code, done.json[0]["format"]) == (0, "jsonl")
    assert done.err == (
        "logscan: format 'jsonl' of logscan-unsound 0.1 is passed over: logscan-jsonl 2.0.0 has one of the same name\n"
    )


@pytest.mark.network
def test_host_without_plugins_explains_what_is_missing(logscan: Logscan, tmp_path: Path) -> None:
    """If no plugin is installed, the command cannot scan and names the entry points it looks for."""
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib.metadata\nimportlib.metadata.entry_points = lambda **_: []\n"
    )
    env = {"PYTHONPATH": str(tmp_path)}
    message = "no formats are installed; plugins bring them as entry points of logscan.parsers"
    done = logscan("scan", "app.jsonl", env=env)
    assert (done.code, done.out, done.err) == (2, "", f"logscan: {message}\n")
    done = logscan("formats", env=env)
    assert (done.code, done.out, done.err) == (0, f"{message}\n", "")

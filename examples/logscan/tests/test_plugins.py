"""Plugins that are not what they should be, and what the command makes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from .command import Logscan

UNSOUND = {
    "absent": "logscan_unsound_absent:Parser",
    "misnamed": "logscan_unsound:Misnamed",
    "partial": "logscan_unsound:Partial",
    "raising": "logscan_unsound:Raising",
}
"""Entry points of plugins that are not what a plugin should be."""


FAULTS = {
    "absent": "does not load: ModuleNotFoundError: No module named 'logscan_unsound_absent'",
    "misnamed": "does not load: its parser calls itself 'partial'",
    "partial": "does not load: logscan_unsound:Partial makes no logscan.contract.Parser",
    "raising": "cannot sniff: ZeroDivisionError",
}
"""What is to be said of them."""


def unsound_plugins(directory: Path, entry_points: Mapping[str, str]) -> dict[str, str]:
    """Put a distribution of unsound plugins into `directory`; return what makes Python find it."""
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
def test_unsound_plugins_are_passed_over(logscan: Logscan, tmp_path: Path) -> None:
    """A plugin that does not load or does not keep the contract is one line of error; the others work."""
    done = logscan("scan", "--json", "app.jsonl", env=unsound_plugins(tmp_path, UNSOUND))
    assert (done.code, done.json[0]["format"]) == (0, "jsonl")
    for line, (name, fault) in zip(done.err.splitlines(), FAULTS.items(), strict=True):
        assert line == f"logscan: format {name!r} (logscan-unsound 0.1) {fault}"


@pytest.mark.network
def test_given_format_loads_no_other_plugin(logscan: Logscan, tmp_path: Path) -> None:
    """With `--format` the other plugins are not even imported, so that their faults do not show."""
    done = logscan("scan", "--format", "csv", "orders.csv", env=unsound_plugins(tmp_path, UNSOUND))
    assert (done.code, done.err) == (0, "")


@pytest.mark.network
def test_given_format_that_does_not_load_fails(logscan: Logscan, tmp_path: Path) -> None:
    """A format that is asked for and does not load ends the command with one line of error."""
    done = logscan("scan", "--format", "partial", "app.jsonl", env=unsound_plugins(tmp_path, UNSOUND))
    assert (done.code, done.out) == (2, "")
    assert done.err == f"logscan: format 'partial' (logscan-unsound 0.1) {FAULTS['partial']}\n"


@pytest.mark.network
def test_parser_that_raises_fails_its_file(logscan: Logscan, tmp_path: Path) -> None:
    """A parser that raises in spite of its contract is one line of error that names the file and the plugin."""
    done = logscan("scan", "--format", "raising", "app.jsonl", env=unsound_plugins(tmp_path, UNSOUND))
    assert (done.code, done.out) == (2, "")
    assert done.err == ("logscan: app.jsonl: format 'raising' (logscan-unsound 0.1) failed: OSError: out of luck\n")


@pytest.mark.network
def test_of_two_formats_with_one_name_the_first_counts(logscan: Logscan, tmp_path: Path) -> None:
    """Two distributions with a format of the same name are told apart by their own names, and that is said."""
    env = unsound_plugins(tmp_path, {"jsonl": "logscan_unsound:Raising"})
    done = logscan("scan", "--json", "app.jsonl", env=env)
    assert (done.code, done.json[0]["format"]) == (0, "jsonl")
    assert done.err == (
        "logscan: format 'jsonl' of logscan-unsound 0.1 is passed over: logscan-jsonl 2.0.0 has one of the same name\n"
    )


@pytest.mark.network
def test_host_without_plugins_says_what_is_missing(logscan: Logscan, tmp_path: Path) -> None:
    """A host that finds no plugin tells what to look for, and cannot scan."""
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib.metadata\nimportlib.metadata.entry_points = lambda **_: []\n"
    )
    env = {"PYTHONPATH": str(tmp_path)}
    message = "no formats are installed; plugins bring them as entry points of logscan.parsers"
    done = logscan("scan", "app.jsonl", env=env)
    assert (done.code, done.out, done.err) == (2, "", f"logscan: {message}\n")
    done = logscan("formats", env=env)
    assert (done.code, done.out, done.err) == (0, f"{message}\n", "")

"""Budgets of real builds: what exceeds one is not published, and one that is kept changes nothing."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from onebin.card import inspect
from onebin.errors import BudgetError, ProcessError
from onebin.manifest import Manifest
from onebin.measure import time_start
from onebin.system import sha256_of_file
from support.bundles import Bundle

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from support.command import Onebin

PREVIOUS = b"the artifact that was here before\n"
TIGHT = """
[budget]
size = "1 MB"
start-ms = 0.1

[budget.plugin.greet-hello]
size = "0.5 kB"
import-ms = 0.001
"""
KEYS = ["size", "start-ms", "plugin.greet-hello.size", "plugin.greet-hello.import-ms"]


@pytest.fixture
def copy(tiny: Bundle, tmp_path: Path) -> Bundle:
    """Return a private copy of a built bundle."""
    bundle = Bundle(folder=tmp_path / "there", name=tiny.name)
    shutil.copytree(tiny.folder, bundle.folder)
    return bundle


def _bundle(onebin: Onebin, bundle: Bundle, budget: str, *options: str) -> tuple[int, dict[str, Any]]:
    """Build with a budget instead of the last one; return the exit code and the JSON."""
    text = bundle.manifest.read_text("utf-8").partition("\n[budget]")[0]
    bundle.manifest.write_text(text + budget, "utf-8")
    ran = onebin("bundle", "--json", *options, cwd=bundle.folder)
    assert "Traceback" not in ran.err
    return ran.code, json.loads(ran.out)


def test_exceeded_budgets_are_all_reported_and_nothing_is_published(onebin: Onebin, copy: Bundle) -> None:
    """Sizes and times that are too much are one error with all findings, for an old artifact and for a new one."""
    before = sha256_of_file(copy.artifact)
    line = copy.manifest.read_text("utf-8").count("\n") + 3
    code, failure = _bundle(onebin, copy, TIGHT)
    assert code == BudgetError.exit_code
    error = failure["error"]
    assert (error["class"], error["exit_code"]) == ("BudgetError", code)
    found = {each["key"]: each for each in error["findings"]}
    assert [*found] == [f"budget.{key}" for key in KEYS]
    assert [each["line"] for each in found.values()] == [line, line + 1, line + 4, line + 5]
    assert "interpreter" in found["budget.size"]["message"]
    assert "each by itself:\n" in found["budget.start-ms"]["message"]
    assert "greet_hello" in found["budget.plugin.greet-hello.import-ms"]["message"]
    assert sha256_of_file(copy.artifact) == before

    copy.artifact.write_bytes(PREVIOUS)
    code, failure = _bundle(onebin, copy, '\n[budget]\nsize = "1 MB"\n', "--no-verify")
    assert (code, copy.artifact.read_bytes()) == (BudgetError.exit_code, PREVIOUS)
    assert [each.name for each in copy.artifact.parent.iterdir()] == [copy.artifact.name]


def test_budget_does_not_change_the_artifact(onebin: Onebin, copy: Bundle) -> None:
    """With a budget that is large enough the artifact is up to date, and one that is built is the same file."""
    before, size = sha256_of_file(copy.artifact), copy.artifact.stat().st_size
    loose = '\n# enough\n[budget]\nsize = "1 GB"\nplugin.greet-hello.size = "1 GB"\n'
    code, built = _bundle(onebin, copy, loose)
    assert (code, built["is_new"]) == (0, False)
    copy.artifact.unlink()
    code, built = _bundle(onebin, copy, loose)
    assert (code, built["is_new"], sha256_of_file(copy.artifact)) == (0, True, before)
    costs = built["costs"]
    assert sum(row["size"] for row in costs["owners"]) == size
    assert {"tinyhost", "greet-hello", "greet-servus", "interpreter", "card"} <= {
        row["owner"] for row in costs["owners"]
    }
    assert (costs["start"], costs["plugins"]) == (None, [])


@pytest.mark.long
def test_start_of_every_layout_is_measured(layouts: Mapping[str, Path]) -> None:
    """A folder's interpreter imports the host's module; one file without an interpreter needs a command."""
    for layout, file in layouts.items():
        facts = inspect(file).facts
        manifest = Manifest.parse(facts["manifest"]["text"], file=file)
        start = time_start(file, facts, manifest, command="{artifact} exit 0")
        assert 0 < start.start_ms < 60_000
        assert (start.times is None) == (layout == "onefile")
        if layout == "onefile":
            with pytest.raises(ProcessError) as caught:
                time_start(file, facts, manifest, command=None)
            assert "start-command" in (caught.value.hint or "")
        else:
            alone = time_start(file, facts, manifest, command=None)
            assert alone.times is not None
            assert facts["host"]["entry"].partition(":")[0] in {row.module for row in alone.times.modules}
        with pytest.raises(ProcessError) as failed:
            time_start(file, facts, manifest, command="{artifact} exit 3")
        assert failed.value.code == 3

"""The examples of docs/library.md run as they stand."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.bundles import Bundle
from support.processes import run

if TYPE_CHECKING:
    from support.command import Onebin

DOCUMENT = Path(__file__).parents[2] / "docs" / "library.md"


def _examples() -> list[str]:
    return re.findall(r"```python\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)


@pytest.mark.network
def test_first_example_builds_verifies_and_inspects(onebin: Onebin, tmp_path: Path) -> None:
    """A user who pastes the example beside a manifest gets the artifact and its plugins."""
    bundle = Bundle.of(tmp_path / "bundle", "shown", "greet-servus")
    env = {"ONEBIN_CACHE_DIR": str(onebin.cache)}
    first = run([sys.executable, "-c", _examples()[0]], cwd=bundle.folder, env=env)
    assert first.code == 0, first.err
    assert "freeze: " in first.out
    assert f"{bundle.artifact} is new" in first.out
    assert "1 plugin" in first.out
    assert first.out.splitlines()[-1].startswith("greet-servus ")
    assert bundle.artifact.is_file()
    again = run([sys.executable, "-c", _examples()[0]], cwd=bundle.folder, env=env)
    assert f"{bundle.artifact} was up to date" in again.out


def test_second_example_sends_a_request(tmp_path: Path) -> None:
    """A request that is written to JSON and read again equals the original."""
    bundle = Bundle.of(tmp_path / "bundle", "shown", "greet-servus")
    check = "\nassert request == BuildRequest.load()\n"
    ran = run([sys.executable, "-c", _examples()[1] + check], cwd=bundle.folder)
    assert ran.code == 0, ran.err

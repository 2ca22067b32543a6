"""A build after a change uses what earlier builds found in sources, and makes what a build from nothing makes."""

from __future__ import annotations

import hashlib
import shutil
from typing import TYPE_CHECKING

import pytest

from .bundles import Alone, Bundle, pythons

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Onebin

pytestmark = pytest.mark.network

# A line that is changed with the same imports, and one that brings in a module nothing else in the bundle needs.
SAME_IMPORTS = "\n\ndef ciao(name):\n    return (b'\\n', f'ciao {name}', {'a', 'b', 'c', 'd', 'e'}, 1.5)\n"
NEW_IMPORT = "\n\nimport sched\n"


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


@pytest.mark.parametrize(("change", "python"), [(SAME_IMPORTS, None), (NEW_IMPORT, None), (SAME_IMPORTS, "3.10")])
def test_a_build_after_a_changed_line_is_that_from_nothing(
    onebin: Onebin, tmp_path: Path, change: str, python: str | None
) -> None:
    """The artifact of a changed plugin has the same bytes with the findings of earlier builds as without any.

    Before Python 3.11, code that is marshalled twice may differ from code that is marshalled once.
    """
    if python is not None:
        pythons(onebin, tmp_path, python)
    bundle = Bundle.of(tmp_path / "changed", "mended", "greet-hello", "greet-servus", python=python)
    bundle.build(onebin)
    before = _digest(bundle.artifact)
    with (bundle.project("greet-hello") / "src" / "greet_hello" / "__init__.py").open("a", encoding="utf-8") as stream:
        stream.write(change)
    bundle.build(onebin)
    changed = _digest(bundle.artifact)
    assert changed != before
    bundle.artifact.unlink()
    scratch = {"ONEBIN_CACHE_DIR": str(tmp_path / "nothing-in-it")}
    ran = onebin("bundle", cwd=bundle.folder, env=scratch)
    assert ran.code == 0, ran.err
    assert _digest(bundle.artifact) == changed
    said = Alone.copy(bundle.artifact, tmp_path / "alone")()
    assert (said.code, said.err) == (0, "")


def test_findings_that_are_damaged_are_found_again(onebin: Onebin, tmp_path: Path) -> None:
    """Cut, flipped and empty files among the findings of earlier builds change nothing but the time it takes."""
    cache = tmp_path / "cache"
    bundle = Bundle.of(tmp_path / "damaged", "damaged", "greet-hello")
    env = {"ONEBIN_CACHE_DIR": str(cache)}
    assert onebin("bundle", cwd=bundle.folder, env=env).code == 0
    whole = _digest(bundle.artifact)
    found = sorted((cache / "scans").glob("*/*"))
    assert len(found) > 100, "the standard library alone has more modules than that"
    for number, file in enumerate(found):
        kept = file.read_bytes()
        file.write_bytes([kept[: len(kept) // 2], kept[:-1] + bytes([kept[-1] ^ 1]), b""][number % 3])
    for kind in ("frozen", "receipts"):
        shutil.rmtree(cache / kind)
    ran = onebin("bundle", cwd=bundle.folder, env=env)
    assert ran.code == 0, ran.err
    assert _digest(bundle.artifact) == whole

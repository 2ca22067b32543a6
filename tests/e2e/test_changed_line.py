"""A build after a change uses what earlier builds found in sources, and makes what a build from nothing makes."""

from __future__ import annotations

import hashlib
import json
import shutil
from typing import TYPE_CHECKING

import pytest

from support.bundles import Alone, Bundle, pythons
from support.caches import lend
from support.projects import write_project

if TYPE_CHECKING:
    from pathlib import Path

    from support.command import Onebin

pytestmark = pytest.mark.network

SAME_IMPORTS = "\n\ndef ciao(name):\n    return (b'\\n', f'ciao {name}', {'a', 'b', 'c', 'd', 'e'}, 1.5)\n"
IT_HOLDS = "Using the analysis of an earlier build"

# A plugin that brings a hook of its own for PyInstaller, which imports it and asks for a list.
TOLD = """
import ctypes

WANTED = []


def hooks():
    from pathlib import Path

    return [str(Path(__file__).parent)]


def greet(name):
    return f"told {name}"
"""
HOOK = """
from PyInstaller.utils.hooks import get_module_attribute

hiddenimports = get_module_attribute("greet_told", "WANTED")
"""
POINTS = {"tinyhost.greeters": {"told": "greet_told:greet"}, "pyinstaller40": {"hook-dirs": "greet_told:hooks"}}

# What is added to such a plugin in turn, to a file of it; whether the analysis holds; a module that must come in. The
# last, and where it holds, are compared with a build from nothing.
CHANGES = [
    ("__init__.py", "WANTED = ['sched']\n", False, "sched"),
    ("_more.py", SAME_IMPORTS, True, None),
    ("_more.py", "\n\nimport colorsys\n", False, "colorsys"),
    ("_more.py", "\n\nimport ctypes\n", False, None),
    ("_more.py", "\n\ndef unpacker():\n    return ctypes.CDLL('libz.so.1')\n", False, None),
]


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


@pytest.mark.parametrize("python", [None, "3.10"])
def test_build_after_a_changed_line_equals_one_from_scratch(onebin: Onebin, tmp_path: Path, python: str | None) -> None:
    """The artifact of a changed plugin has the same bytes with the caches of earlier builds as without.

    Before Python 3.11, code that is marshalled twice may differ from code that is marshalled once.
    """
    if python is not None:
        pythons(onebin, tmp_path, python)
    bundle = Bundle.of(tmp_path / "changed", "mended", "greet-hello", "greet-servus", python=python, as_projects=True)
    bundle.make_lean()  # the analysis is the same
    bundle.build(onebin)
    before = _digest(bundle.artifact)
    with (bundle.project("greet-hello") / "src" / "greet_hello" / "__init__.py").open("a", encoding="utf-8") as stream:
        stream.write(SAME_IMPORTS)
    assert IT_HOLDS in bundle.build(onebin, "-v").err
    changed = _digest(bundle.artifact)
    assert changed != before
    bundle.artifact.unlink()
    scratch = {"ONEBIN_CACHE_DIR": str(tmp_path / "nothing-in-it")}
    ran = onebin("bundle", cwd=bundle.folder, env=scratch)
    assert ran.code == 0, ran.err
    assert _digest(bundle.artifact) == changed
    said = Alone.copy(bundle.artifact, tmp_path / "alone")()
    assert (said.code, said.err) == (0, "")


@pytest.mark.long
def test_analysis_is_redone_when_a_source_it_used_changes(onebin: Onebin, tmp_path: Path) -> None:
    """The analysis is redone if a hook imports the changed source, or if a module's imports or libraries changed.

    The artifact has the bytes of a build that has no earlier analysis.
    """
    bundle = Bundle.of(tmp_path / "told", "told", "greet-told")
    bundle.make_lean()  # the analysis is the same
    project = bundle.project("greet-told")
    write_project(project, TOLD, points=POINTS)
    package = project / "src" / "greet_told"
    (package / "hook-greet_told.py").write_text(HOOK, "utf-8")
    (package / "_more.py").write_text("", "utf-8")
    cache = tmp_path / "cache"
    lend(onebin.cache, cache)

    def built() -> tuple[bool, str]:
        ran = onebin("bundle", "-v", cwd=bundle.folder, env={"ONEBIN_CACHE_DIR": str(cache)})
        assert ran.code == 0, ran.err
        return IT_HOLDS in ran.err, _digest(bundle.artifact)

    built()
    for file, added, is_as_it_was, module in CHANGES:
        with (package / file).open("a", encoding="utf-8") as stream:
            stream.write(added)
        holds, digest = built()
        assert holds is is_as_it_was, added
        modules = json.loads(onebin("inspect", bundle.artifact, "--files", "--json", cwd=bundle.folder).out)
        assert module is None or module in str(modules), added
    bundle.artifact.unlink()
    for kind in ("frozen", "receipts"):
        shutil.rmtree(cache / kind)
    for kept in cache.glob("scans/*/analysis-*"):
        kept.unlink()
    assert built() == (False, digest)


@pytest.mark.long
def test_damaged_scans_are_made_again(onebin: Onebin, tmp_path: Path) -> None:
    """Truncated, flipped and empty files among the cached scans do not change the artifact."""
    cache = tmp_path / "cache"
    bundle = Bundle.of(tmp_path / "damaged", "damaged", "greet-hello")
    bundle.make_lean()  # the analysis is the same
    lend(onebin.cache, cache, to_change=True)
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

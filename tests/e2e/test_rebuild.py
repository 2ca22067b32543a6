"""`onebin recover` and `onebin verify --reproduce`: the inputs of an artifact are recovered, and it is built again."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from support.bundles import Bundle
    from support.command import Onebin

pytestmark = pytest.mark.network


def test_recovered_folder_can_be_built(onebin: Onebin, tiny: Bundle, tmp_path: Path) -> None:
    """Manifest and lock are recovered unchanged; with the projects in the named places, the lock fits."""
    ran = onebin("recover", tiny.artifact, cwd=tmp_path)
    assert ran.code == 0, ran.err
    folder = tmp_path / "tiny.bundle"
    assert {file.name for file in folder.iterdir()} == {"bundle.toml", "pylock.tiny.toml"}
    assert (folder / "pylock.tiny.toml").read_bytes() == tiny.lock.read_bytes()
    for what, name in (("host", "tinyhost"), ("plugin inquiry", "inquiry")):
        assert f"put the {what} at tiny.bundle/projects/{name}\n" in ran.out
    shutil.copytree(tiny.project(""), folder / "projects")
    ran = onebin("check", "--locked", "tiny.bundle", cwd=tmp_path)
    assert ran.code == 0, ran.err

    ran = onebin("recover", tiny.artifact, cwd=tmp_path)
    assert ran.code == 1
    assert "tiny.bundle/bundle.toml already exists, and is not replaced" in ran.err
    ran = onebin("recover", "--json", tiny.artifact, "-o", folder / "projects", cwd=tmp_path)
    assert {each["path"]: each["missing"] for each in json.loads(ran.out)["local"]}["projects/inquiry"]


@pytest.mark.long
def test_differences_are_shown_file_by_file(onebin: Onebin, tiny: Bundle, tmp_path: Path) -> None:
    """With a changed line in a plugin's source, only files of that plugin differ, and code.bin, which has its code."""
    shutil.copytree(tiny.project(""), tmp_path / "projects")
    module = tmp_path / "projects" / "greet-hello" / "src" / "greet_hello" / "__init__.py"
    module.write_text(module.read_text("utf-8") + "\nONE_MORE = 1\n", "utf-8")
    ran = onebin("verify", "--reproduce", tiny.artifact, cwd=tmp_path)
    assert ran.code == 9, ran.err
    assert "differs from a rebuild of its lock and these sources" in ran.err
    differences = [line.strip() for line in ran.err.splitlines() if line.endswith(")") and line.startswith("  ")]
    assert "code.bin: differs (of onebin)" in differences
    assert {line.rpartition(" (of ")[2] for line in differences if not line.startswith("code.bin")} == {"greet-hello)"}
    assert any("site-packages/greet_hello/__init__.py: differs" in line for line in differences)
    assert "module greet_hello: differs (of greet-hello)" in differences
    assert {file.name for file in tmp_path.iterdir()} == {"projects"}


def test_missing_and_changed_sources_are_named(onebin: Onebin, tiny: Bundle, tmp_path: Path) -> None:
    """Without the local projects, or with changed requirements, nothing is built, and the error names them."""
    ran = onebin("verify", "--reproduce", "--sources", tmp_path, tiny.artifact, cwd=tiny.folder)
    assert ran.code == 9
    assert f"plugin inquiry: {tmp_path / 'projects' / 'inquiry'} does not exist" in ran.err
    assert "--sources" in ran.err
    shutil.copytree(tiny.project(""), tmp_path / "projects")
    with (tmp_path / "projects" / "inquiry" / "pyproject.toml").open("a", encoding="utf-8") as out:
        out.write("\n# changed\n")
    ran = onebin("verify", "--reproduce", tiny.artifact, cwd=tmp_path)
    assert ran.code == 9
    assert "project projects/inquiry changed" in ran.err


def test_sources_option_needs_reproduce(onebin: Onebin, tiny: Bundle) -> None:
    """`--sources` without `--reproduce` is wrong usage."""
    ran = onebin("verify", "--sources", ".", tiny.artifact, cwd=tiny.folder)
    assert ran.code == 2
